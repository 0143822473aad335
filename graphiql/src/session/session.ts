// What signing in answers with, and how it outlives a reload.

export interface Session {
  accessToken: string;
  refreshToken: string;
  expiresAt: string;
  viewer: SessionViewer | null;
}

export interface SessionViewer {
  user: { name: string; email: string } | null;
  isSuperAdmin: boolean;
  organization: { name: string } | null;
  orgRole: 'ADMIN' | 'MEMBER' | null;
}

const KEY = 'palisade:session';

/** A token that lapses on its way to the server is as good as lapsed. */
const LEEWAY_MS = 5_000;

export function hasExpired(session: Session): boolean {
  return Date.parse(session.expiresAt) - LEEWAY_MS <= Date.now();
}

// sessionStorage, never localStorage: it ends with the browser tab, and no other tab reads it.
export function loadSession(): Session | null {
  const stored = sessionStorage.getItem(KEY);
  if (stored === null) return null;
  try {
    return JSON.parse(stored) as Session;
  } catch {
    return null;
  }
}

export function storeSession(session: Session | null): void {
  if (session === null) sessionStorage.removeItem(KEY);
  else sessionStorage.setItem(KEY, JSON.stringify(session));
}
