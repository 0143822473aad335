// A server that runs as a demo lists its accounts; any other answers 404.

export interface DemoLogin {
  role: string;
  email: string;
  password: string;
  organization: string | null;
  note: string;
}

/** An empty list means that this is no demo. */
export async function fetchDemoLogins(): Promise<DemoLogin[]> {
  try {
    const response = await fetch('/demo/logins.json', { headers: { Accept: 'application/json' } });
    if (!response.ok) return [];
    const { logins } = (await response.json()) as { logins: DemoLogin[] };
    return logins;
  } catch {
    return [];
  }
}
