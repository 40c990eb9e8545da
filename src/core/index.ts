/** The core: types and rules that everything else is written in. Pure; imports nothing outside this folder. */
export * from './ids.ts';
export * from './coordinate.ts';
export * from './clock.ts';
export * from './request.ts';
export * from './events.ts';
export * from './intents.ts';
export * from './verdicts.ts';
export * from './retention.ts';
export * from './forecast.ts';
export * from './session-forecasts.ts';
export * from './errors.ts';
export * from './policy.ts';
export * from './parameters.ts';
export * from './identity/index.ts';
export * from './engine.ts';
export * from './combine.ts';
export * from './bounded-map.ts';
