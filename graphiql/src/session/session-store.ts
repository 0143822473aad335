// Who is signed in. React subscribes to it; every request goes through `authorized`.
import { bearer } from '../transport';
import { login, logout, refreshSession, Refused, type Credentials } from './operations';
import { hasExpired, loadSession, storeSession, type Session } from './session';

export interface SessionState {
  session: Session | null;
  /** Goes up with every change of person, not with a refreshed token. */
  generation: number;
  /** The e-mail address that is being signed in. */
  signingIn: string | null;
  /** A sentence for the user: why signing in failed, or why the session is over. */
  notice: string | null;
}

class SessionStore {
  #state: SessionState = { session: loadSession(), generation: 0, signingIn: null, notice: null };
  #listeners = new Set<() => void>();
  #refreshing: Promise<Session | null> | null = null;

  subscribe = (listener: () => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  snapshot = () => this.#state;

  signIn = async (credentials: Credentials) => {
    if (this.#state.signingIn !== null) return;
    this.#update({ signingIn: credentials.email, notice: null });
    try {
      const session = await login(credentials);
      const previous = this.#state.session;
      this.#become(session, null);
      if (previous) void endOnServer(previous);
    } catch (error) {
      this.#update({ signingIn: null, notice: `Signing in failed: ${messageOf(error)}` });
    }
  };

  signOut = async () => {
    const session = await this.#fresh().catch(() => null);
    this.#become(null, null);
    if (session && !(await endOnServer(session))) {
      this.#update({ notice: 'Signed out here; the server could not be told.' });
    }
  };

  /**
   * Runs `send` with the session's token. An expired token is refreshed before, a refused one
   * after, in both cases once; `isRefused` reads the second from the answer. When somebody else
   * has signed in meanwhile nothing more is sent, and what has come back is not handed on: one
   * person's request never goes out under another's token, nor its answer to another's screen.
   */
  async authorized<T>(send: (headers: Headers) => Promise<T>, isRefused: (answer: T) => boolean): Promise<T> {
    const { generation } = this.#state;
    const stillTheSame = <V>(value: V): V => {
      if (this.#state.generation === generation) return value;
      throw new Error('Who is signed in has changed since this was sent. Run it again.');
    };
    const session = stillTheSame(await this.#fresh());
    const answer = stillTheSame(await send(bearer(session?.accessToken)));
    if (!session || !isRefused(answer)) return answer;
    const renewed = stillTheSame(await this.#refresh(session));
    return stillTheSame(await send(bearer(renewed?.accessToken)));
  }

  async #fresh(): Promise<Session | null> {
    const { session } = this.#state;
    return session && hasExpired(session) ? this.#refresh(session) : session;
  }

  // One refresh at a time: a refresh token that is spent twice revokes the whole session.
  #refresh(stale: Session): Promise<Session | null> {
    if (this.#state.session !== stale) return Promise.resolve(this.#state.session);
    this.#refreshing ??= this.#renew(stale).finally(() => {
      this.#refreshing = null;
    });
    return this.#refreshing;
  }

  async #renew(stale: Session): Promise<Session | null> {
    try {
      const session = await refreshSession(stale.refreshToken);
      // Somebody else may have signed in meanwhile; the answer then comes too late.
      if (this.#state.session === stale) {
        storeSession(session);
        this.#update({ session });
      }
    } catch (error) {
      // A server that cannot be reached ends no session.
      if (!(error instanceof Refused)) throw error;
      if (this.#state.session === stale) this.#become(null, 'Your session has ended. Sign in again.');
    }
    return this.#state.session;
  }

  #become(session: Session | null, notice: string | null) {
    storeSession(session);
    this.#update({ session, notice, signingIn: null, generation: this.#state.generation + 1 });
  }

  #update(change: Partial<SessionState>) {
    this.#state = { ...this.#state, ...change };
    for (const listener of this.#listeners) listener();
  }
}

async function endOnServer(session: Session): Promise<boolean> {
  try {
    await logout(session);
    return true;
  } catch {
    return false;
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

export const sessionStore = new SessionStore();
