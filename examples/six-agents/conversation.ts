/**
 * One agent's private history within one session, as chat messages. It only grows, so that each prompt extends the
 * one before it, until it would outgrow the context: then all but the brief and the last two turns is left out.
 */
import type { ChatCompletionMessageFunctionToolCall, ChatCompletionMessageParam } from 'openai/resources/chat/completions';
import type { Role } from './roles.ts';

/** One call of the agent: what it was handed, what it said, what its tools gave. */
type Turn = ChatCompletionMessageParam[];

const KEPT_TURNS = 2;

export interface Answer {
  readonly content: string;
  readonly toolCalls: readonly ChatCompletionMessageFunctionToolCall[];
}

function characters(messages: readonly ChatCompletionMessageParam[]): number {
  return messages.reduce((sum, message) => sum + JSON.stringify(message).length, 0);
}

export class Conversation {
  private readonly opening: ChatCompletionMessageParam[];
  private readonly budget: number;
  private turns: Turn[] = [];

  /** @param limitCharacters bound of a prompt: system prompt, tool schemas and messages as JSON */
  constructor(role: Role, brief: string, limitCharacters: number) {
    this.opening = [{ role: 'system', content: role.systemPrompt }, { role: 'user', content: brief }];
    this.budget = limitCharacters - characters(this.opening) - JSON.stringify(role.tools).length;
  }

  /** Adds the hand-over and returns the whole prompt. */
  ask(handOver: string): ChatCompletionMessageParam[] {
    const turn: Turn = [{ role: 'user', content: handOver }];
    this.turns.push(turn);
    if (this.turns.reduce((sum, each) => sum + characters(each), 0) > this.budget) this.turns = this.turns.slice(-KEPT_TURNS);
    return [...this.opening, ...this.turns.flat()];
  }

  answered(answer: Answer, toolResults: readonly string[]): void {
    const turn = this.turns[this.turns.length - 1];
    turn.push({ role: 'assistant', content: answer.content, ...(answer.toolCalls.length === 0 ? {} : { tool_calls: [...answer.toolCalls] }) });
    for (const [index, call] of answer.toolCalls.entries()) turn.push({ role: 'tool', tool_call_id: call.id, content: toolResults[index] });
  }
}
