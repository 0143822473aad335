import type { FormEvent } from 'react';
import type { Credentials } from '../session/operations';

interface Props {
  busy: boolean;
  onSubmit: (credentials: Credentials) => void;
}

/** For servers without demo roles. The form is never sent by the browser: the policy forbids it. */
export function SignInForm({ busy, onSubmit }: Props) {
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const fields = new FormData(event.currentTarget);
    onSubmit({ email: String(fields.get('email')), password: String(fields.get('password')) });
  };
  return (
    <form className="sign-in-form" aria-label="Sign in" onSubmit={submit}>
      <label>
        <span>E-mail</span>
        <input name="email" type="email" autoComplete="username" required />
      </label>
      <label>
        <span>Password</span>
        <input name="password" type="password" autoComplete="current-password" required />
      </label>
      <button type="submit" className="primary" aria-busy={busy}>
        Sign in
      </button>
    </form>
  );
}
