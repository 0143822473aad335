import { useEffect, useState } from 'react';
import { sessionStore } from '../session/session-store';
import { useSession } from '../session/use-session';
import { fetchDemoLogins, type DemoLogin } from './demo-logins';
import { Identity } from './identity';
import { RolePicker } from './role-picker';
import { SignInForm } from './sign-in-form';
import './top-bar.css';

export function TopBar() {
  const { session, signingIn, notice } = useSession();
  const logins = useDemoLogins();
  const email = session?.viewer?.user?.email ?? null;
  const note = logins?.find((login) => login.email === email)?.note;

  return (
    <header className="top-bar">
      <h1 className="brand">
        <img src={`${import.meta.env.BASE_URL}palisade.svg`} alt="" width="24" height="24" />
        Palisade <span>GraphiQL</span>
      </h1>
      {logins && logins.length > 0 && (
        <RolePicker logins={logins} current={email} signingIn={signingIn} onPick={sessionStore.signIn} />
      )}
      {logins?.length === 0 && session === null && (
        <SignInForm busy={signingIn !== null} onSubmit={sessionStore.signIn} />
      )}
      {notice !== null ? (
        <p className="top-bar-note" data-kind="notice" role="alert">
          {notice}
        </p>
      ) : (
        note && <p className="top-bar-note">{note}</p>
      )}
      <Identity viewer={session?.viewer ?? null} signedIn={session !== null} onSignOut={sessionStore.signOut} />
    </header>
  );
}

/** Null until the server has answered, so that neither way of signing in flashes up. */
function useDemoLogins(): DemoLogin[] | null {
  const [logins, setLogins] = useState<DemoLogin[] | null>(null);
  useEffect(() => {
    void fetchDemoLogins().then(setLogins);
  }, []);
  return logins;
}
