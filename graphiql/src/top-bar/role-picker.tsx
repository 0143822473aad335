import type { DemoLogin } from './demo-logins';

interface Props {
  logins: DemoLogin[];
  current: string | null;
  signingIn: string | null;
  onPick: (login: DemoLogin) => void;
}

/** One button per demo role; a click signs in. The role's note is its description. */
export function RolePicker({ logins, current, signingIn, onPick }: Props) {
  return (
    <div className="role-picker" role="group" aria-label="Sign in as a demo role">
      <span className="role-picker-label" aria-hidden="true">
        Sign in as
      </span>
      {logins.map((login) => (
        <button
          key={login.email}
          type="button"
          className="role"
          data-kind={login.organization === null ? 'platform' : 'organization'}
          aria-pressed={login.email === current}
          aria-busy={login.email === signingIn}
          aria-description={login.note}
          title={login.note}
          onClick={() => onPick(login)}
        >
          {login.role}
        </button>
      ))}
    </div>
  );
}
