// The default tabs as they stand in the source, for validation against a schema.
import { readdirSync, readFileSync } from 'node:fs';

const folder = new URL('../../src/stories/', import.meta.url);

export const storyTitles = ['WhoAmI', 'MyAgentsAndGoals', 'SubmitGoal', 'OperatorView', 'UsersAndOrganizations'];

/** @returns {{ name: string, text: string }[]} */
export function storyDocuments() {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.graphql'))
    .sort()
    .map((name) => ({ name, text: readFileSync(new URL(name, folder), 'utf8') }));
}
