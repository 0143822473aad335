// The one place that talks to /graphql. It knows HTTP, and nothing of sessions.

export interface GraphqlRequest {
  query: string;
  variables?: unknown;
  operationName?: string | null;
}

export interface GraphqlError {
  message: string;
  path?: (string | number)[];
  extensions?: { code?: string; [key: string]: unknown };
}

export interface GraphqlResult<Data = unknown> {
  data?: Data | null;
  errors?: GraphqlError[];
  extensions?: Record<string, unknown>;
}

const ENDPOINT = '/graphql';
const ACCEPT_ONE_RESULT = 'application/graphql-response+json, application/json';

export function sendRequest(
  request: GraphqlRequest,
  headers: Headers,
  { accept = ACCEPT_ONE_RESULT, signal }: { accept?: string; signal?: AbortSignal } = {},
): Promise<Response> {
  const all = new Headers({ 'Content-Type': 'application/json', Accept: accept });
  headers.forEach((value, name) => all.set(name, value));
  return fetch(ENDPOINT, { method: 'POST', headers: all, body: JSON.stringify(request), signal });
}

/** A proxy's error page is not JSON; the reader then wants its status and its first words. */
export async function readResult<Data = unknown>(response: Response): Promise<GraphqlResult<Data>> {
  const text = await response.text();
  try {
    return JSON.parse(text) as GraphqlResult<Data>;
  } catch {
    throw new Error(`HTTP ${response.status} ${response.statusText}: ${text.slice(0, 200)}`.trim());
  }
}

export function bearer(token: string | undefined): Headers {
  return new Headers(token === undefined ? {} : { Authorization: `Bearer ${token}` });
}
