/** Bytes by key, bounded, with an optional time to live. Members: memory, and a directory of files. */
export interface StoreEntry {
  readonly key: string;
  readonly value: Uint8Array;
}

export interface Store {
  /** @throws EntresolError `ENT_SNAPSHOT_INVALID` if what is there is corrupt or of a newer version */
  get(key: string): Promise<Uint8Array | undefined>;
  /**
   * Replaces what was there, whole or not at all. At the bound the entry written longest ago makes room.
   * @throws EntresolError `ENT_DISK_FULL`
   */
  set(key: string, value: Uint8Array, options?: { readonly ttlMs?: number }): Promise<void>;
  delete(key: string): Promise<void>;
  /** All live entries in no certain order. Entries that cannot be read are passed to `onInvalid` and skipped. */
  entries(onInvalid?: (error: unknown) => void): AsyncIterable<StoreEntry>;
  close(): Promise<void>;
}
