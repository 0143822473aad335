import type { SessionViewer } from '../session/session';

interface Props {
  viewer: SessionViewer | null;
  signedIn: boolean;
  onSignOut: () => void;
}

/** "Signed in as …", announced when it changes, and the way out. */
export function Identity({ viewer, signedIn, onSignOut }: Props) {
  return (
    <div className="identity">
      <p className="identity-state" role="status">
        {signedIn ? (
          <>
            Signed in as <strong>{viewer?.user?.name ?? 'a service account'}</strong>
            <span className="identity-place"> {placeOf(viewer)}</span>
          </>
        ) : (
          'Signed out'
        )}
      </p>
      {signedIn && (
        <button type="button" className="quiet" onClick={onSignOut}>
          Sign out
        </button>
      )}
    </div>
  );
}

function placeOf(viewer: SessionViewer | null): string {
  if (viewer?.isSuperAdmin) return 'Platform operator';
  if (!viewer?.organization) return 'No organisation';
  return viewer.orgRole === 'ADMIN' ? `${viewer.organization.name}, admin` : viewer.organization.name;
}
