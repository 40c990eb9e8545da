/** Public surface of the package: write a policy, replay a trace, embed the gateway. */
export * from './core/index.ts';
