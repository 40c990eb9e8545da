/** Denies tool calls whose name says that they destroy something, unless a person says yes first. Fails closed. */
import { definePolicy } from 'entresol';

const DESTRUCTIVE = /(^|[^a-z])(delete|remove|drop|truncate|destroy|wipe|rm|kill|format)([^a-z]|$)/i;

export default definePolicy({
  name: 'block-destructive-tools',
  summary: 'Denies destructive tool calls, or has a person approve them.',
  decisions: ['tool-call'],
  failure: 'closed',
  parameters: {
    approve: { default: false, description: 'Ask a person instead of denying. A context that has read untrusted data is always denied.' },
  },
  create: ({ parameters }) => ({
    score: {
      toolCall(call) {
        if (!DESTRUCTIVE.test(call.name)) return { kind: 'allow' };
        const why = `${call.name} may destroy what cannot be brought back`;
        if (parameters.approve && call.taint.length === 0) return { kind: 'approve', why };
        return { kind: 'deny', code: 'ENT_REJECTED_BY_POLICY', why };
      },
    },
  }),
});
