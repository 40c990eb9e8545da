/** One line of `entresol doctor`. */
export interface Finding {
  readonly check: string;
  /** `note`: works, but worth knowing. */
  readonly result: 'ok' | 'note' | 'failed';
  readonly detail: string;
  readonly mend?: string;
}
