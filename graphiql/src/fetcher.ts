// How GraphiQL's requests reach the server: with the session's token, unless the headers editor
// names another one.
import type { Fetcher, FetcherParams } from '@graphiql/toolkit';
import { getOperationAST, parse, type OperationDefinitionNode } from 'graphql';
import { sessionStore } from './session/session-store';
import { streamResults } from './event-stream';
import { readResult, sendRequest, type GraphqlResult } from './transport';

export const fetcher: Fetcher = (params, options) => {
  const typed = new Headers(options?.headers as Record<string, string> | undefined);
  const operation = operationOf(params);
  const request = { ...params, operationName: operation?.name?.value ?? params.operationName };
  return operation?.operation === 'subscription'
    ? streamResults((accept, signal) =>
        authorized(typed, (headers) => sendRequest(request, headers, { accept, signal }), ({ status }) => status === 401),
      )
    : authorized(typed, (headers) => fetchOnce(request, headers), isRefused).then(({ result }) => result);
};

// Read from the text: what GraphiQL says of the operation is half a second old, and names another
// tab's when the run button is pressed quickly.
function operationOf({ query, operationName }: FetcherParams): OperationDefinitionNode | null | undefined {
  try {
    const document = parse(query);
    return getOperationAST(document, operationName) ?? getOperationAST(document);
  } catch {
    return null; // The server explains syntax errors.
  }
}

interface Answer {
  status: number;
  result: GraphqlResult;
}

async function fetchOnce(params: FetcherParams, headers: Headers): Promise<Answer> {
  const response = await sendRequest(params, headers);
  return { status: response.status, result: await readResult(response) };
}

function authorized<T>(typed: Headers, send: (headers: Headers) => Promise<T>, refused: (answer: T) => boolean) {
  if (typed.has('Authorization')) return send(typed);
  return sessionStore.authorized((headers) => {
    typed.forEach((value, name) => headers.set(name, value));
    return send(headers);
  }, refused);
}

// A wrong password typed into the editor is UNAUTHENTICATED too, and says nothing of the session.
const NOT_ABOUT_THE_SESSION = new Set<unknown>(['login', 'refreshSession']);

function isRefused({ status, result }: Answer): boolean {
  const refusals = result.errors?.filter(({ extensions }) => extensions?.code === 'UNAUTHENTICATED') ?? [];
  return refusals.length > 0
    ? refusals.some(({ path }) => !NOT_ABOUT_THE_SESSION.has(path?.[0]))
    : status === 401;
}
