/** What a bench needs of the application. */
export { runApplication, type ApplicationOptions } from './application.ts';
export { WORKLOAD, type CallRequest, type CompletedCall } from './call.ts';
export type { Pace } from './pace.ts';
export { rehearse } from './rehearsal.ts';
export { writeScript, type SessionScript } from './script.ts';
export { httpCaller, runSession, type CallRecord, type Caller } from './session.ts';
export { DocumentLibrary } from './tools/document-library.ts';
