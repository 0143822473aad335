// The three mutations a session lives by.
import { bearer, readResult, sendRequest, type GraphqlRequest } from '../transport';
import type { Session } from './session';

export interface Credentials {
  email: string;
  password: string;
}

const SESSION_FIELDS = `{
  accessToken refreshToken expiresAt
  viewer { user { name email } isSuperAdmin organization { name } orgRole }
}`;

export function login({ email, password }: Credentials): Promise<Session> {
  return requestSession('login', {
    query: `mutation SignIn($input: LoginInput!) { login(input: $input) ${SESSION_FIELDS} }`,
    variables: { input: { email, password } },
  });
}

export function refreshSession(refreshToken: string): Promise<Session> {
  return requestSession('refreshSession', {
    query: `mutation Refresh($input: RefreshSessionInput!) { refreshSession(input: $input) ${SESSION_FIELDS} }`,
    variables: { input: { refreshToken } },
  });
}

export async function logout(session: Session): Promise<void> {
  await sendRequest({ query: 'mutation SignOut { logout }' }, bearer(session.accessToken));
}

/** The server's answer was a no, as opposed to there being no answer. */
export class Refused extends Error {}

async function requestSession(field: string, request: GraphqlRequest): Promise<Session> {
  const result = await readResult<Record<string, Session | null>>(await sendRequest(request, bearer(undefined)));
  const session = result.data?.[field];
  if (!session) throw new Refused(result.errors?.[0]?.message ?? 'The server gave no session.');
  return session;
}
