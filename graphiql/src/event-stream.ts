// Subscriptions as server-sent events over POST ("distinct connections mode"): one `next` event
// for each result, then `complete`. EventSource cannot carry a token, so the stream is read here.
import { readResult, type GraphqlResult } from './transport';

type Open = (accept: string, signal: AbortSignal) => Promise<Response>;

export function streamResults(open: Open): AsyncIterableIterator<GraphqlResult> {
  const abort = new AbortController();
  const results = readResults(open, abort.signal);
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    next: () => results.next(),
    // A generator's own `return` would wait for the event that is being awaited.
    async return() {
      abort.abort();
      return { done: true, value: undefined };
    },
  };
}

async function* readResults(open: Open, signal: AbortSignal): AsyncGenerator<GraphqlResult, undefined> {
  try {
    const response = await open('text/event-stream', signal);
    if (!response.headers.get('Content-Type')?.startsWith('text/event-stream') || !response.body) {
      yield await readResult(response);
      return;
    }
    for await (const { event, data } of readEvents(response.body)) {
      if (event === 'complete') return;
      if (event === 'next') yield JSON.parse(data) as GraphqlResult;
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

interface ServerEvent {
  event: string;
  data: string;
}

async function* readEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<ServerEvent, void> {
  const reader = body.pipeThrough(new TextDecoderStream() as TransformStream<Uint8Array, string>).getReader();
  let rest = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const blocks = (rest + value).split(/\r?\n\r?\n/);
    rest = blocks.pop() ?? '';
    for (const block of blocks) yield parseEvent(block);
  }
}

function parseEvent(block: string): ServerEvent {
  const fields = (name: string) =>
    block
      .split(/\r?\n/)
      .filter((line) => line.startsWith(`${name}:`))
      .map((line) => line.slice(name.length + 1).trimStart());
  return { event: fields('event')[0] ?? 'message', data: fields('data').join('\n') };
}
