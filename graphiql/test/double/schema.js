// A test double, not a server: a corner of Palisade's schema over a handful of rows, enough for
// the page's five stories. Names and shapes follow the contract; rules beyond redaction do not.
import { buildSchema, GraphQLError } from 'graphql';

export const schema = buildSchema(`
  scalar DateTime
  scalar JSON

  type Query {
    "Who is asking; null when anonymous."
    viewer: Viewer
    "The agents the viewer may see."
    agents(first: Int): AgentConnection!
    "Every organisation, for operators."
    organizations(first: Int): OrganizationConnection
    users(first: Int): UserConnection
  }
  type Viewer {
    user: User
    isSuperAdmin: Boolean!
    organization: Organization
    orgRole: OrgRole
    teams: [TeamMembership!]!
    memberships: [OrgMembership!]!
    permissions: [Permission!]!
  }
  enum OrgRole { ADMIN MEMBER }
  enum Permission { AGENT_READ GOAL_SUBMIT ORGANIZATION_LIST }
  type User { id: ID! name: String! email: String! status: String! }
  type Organization { id: ID! name: String! slug: String! status: String! counts: OrganizationCounts! }
  type OrganizationCounts { agents: Int! members: Int! }
  type Team { id: ID! name: String! }
  type TeamMembership { role: OrgRole! team: Team! }
  type OrgMembership { role: OrgRole! status: String! organization: Organization! }
  type OrganizationConnection { nodes: [Organization!]! }
  type UserConnection { nodes: [User!]! }
  type AgentConnection { nodes: [Agent!]! totalCount: Int! }
  type Agent {
    id: ID!
    name: String!
    visibility: String!
    status: String!
    "What the agent is told before every task. Null for a super-admin."
    systemPrompt: String
    goals(first: Int): GoalConnection!
  }
  type GoalConnection { nodes: [Goal!]! }
  type Goal { id: ID! goalText: String status: String! agent: Agent! tasks(first: Int): TaskConnection! }
  type TaskConnection { nodes: [Task!]! }
  type Task { type: String! status: String! payload: JSON result: JSON }

  type Mutation {
    login(input: LoginInput!): Session!
    refreshSession(input: RefreshSessionInput!): Session!
    logout: Boolean!
    submitGoal(input: SubmitGoalInput!): GoalPayload!
  }
  input LoginInput { email: String! password: String! }
  input RefreshSessionInput { refreshToken: String! }
  input SubmitGoalInput { agentId: ID! goalText: String! priority: Int }
  type Session { accessToken: String! refreshToken: String! expiresAt: DateTime! viewer: Viewer! }
  type GoalPayload { goal: Goal! }

  type Subscription {
    goalUpdated(id: ID!): Goal!
  }
`);

const acme = { id: 'org_1', name: 'Acme', slug: 'acme', status: 'ACTIVE', counts: { agents: 1, members: 2 } };

const people = [
  { name: 'Ada Admin', email: 'ada@acme.test', role: 'Acme admin', orgRole: 'ADMIN', note: 'Run MyAgentsAndGoals: prompts in full.' },
  { name: 'Max Member', email: 'max@acme.test', role: 'Acme member', orgRole: 'MEMBER', note: 'Sees shared agents only.' },
  { name: 'Olga Operator', email: 'olga@palisade.test', role: 'Operator', orgRole: null, note: 'Run OperatorView: content is hidden.' },
].map((person, index) => ({ ...person, id: `user_${index}`, status: 'ACTIVE', password: `double-${index}` }));

export const demoLogins = people.map(({ role, email, password, orgRole, note }) => ({
  role,
  email,
  password,
  organization: orgRole && 'Acme',
  note,
}));

/** @param {typeof people[number] | undefined} person */
function viewerOf(person) {
  if (!person) return null;
  const isSuperAdmin = person.orgRole === null;
  return {
    user: person,
    isSuperAdmin,
    organization: isSuperAdmin ? null : acme,
    orgRole: person.orgRole,
    teams: [],
    memberships: isSuperAdmin ? [] : [{ role: person.orgRole, status: 'ACTIVE', organization: acme }],
    permissions: isSuperAdmin ? ['ORGANIZATION_LIST'] : ['AGENT_READ', 'GOAL_SUBMIT'],
  };
}

/** @param {import('./sessions.js').Sessions} sessions @param {string | undefined} token */
export function rootFor(sessions, token) {
  const viewer = viewerOf(people.find(({ email }) => email === sessions.emailOf(token)));
  const mustSignIn = () => {
    if (!viewer) throw new GraphQLError('You must sign in.', { extensions: { code: 'UNAUTHENTICATED' } });
  };
  /** @param {string} value the operator reads null in its place, and the path in `redacted` */
  const confidential = (value) => (/** @type {any} */ _args, /** @type {Context} */ cx, /** @type {any} */ info) => {
    if (!viewer?.isSuperAdmin) return value;
    cx.redacted.push(pathOf(info.path));
    return null;
  };
  const task = { type: 'summarise', status: 'COMPLETED', payload: confidential('tickets'), result: confidential('three') };
  const agent = () => ({
    id: 'agt_1',
    name: 'Support triage',
    visibility: 'PUBLIC',
    status: 'ACTIVE',
    systemPrompt: confidential('You sort support tickets.'),
    goals: { nodes: [goal()] },
  });
  /** @returns {any} */
  const goal = (text = 'Sort this week’s tickets') => ({
    id: 'goal_1',
    goalText: confidential(text),
    status: 'COMPLETED',
    agent,
    tasks: { nodes: [task] },
  });
  const session = (/** @type {string | undefined} */ email) => {
    if (!email) throw new GraphQLError('Wrong e-mail or password.', { extensions: { code: 'UNAUTHENTICATED' } });
    return { ...sessions.issue(email), viewer: viewerOf(people.find((person) => person.email === email)) };
  };
  return {
    viewer,
    agents: () => (mustSignIn(), { nodes: [agent()], totalCount: 1 }),
    organizations: () => (mustSignIn(), { nodes: [acme] }),
    users: () => (mustSignIn(), { nodes: people }),
    login: (/** @type {any} */ { input }) =>
      session(people.find(({ email, password }) => email === input.email && password === input.password)?.email),
    refreshSession: (/** @type {any} */ { input }) => session(sessions.spend(input.refreshToken)),
    logout: () => sessions.end(token),
    submitGoal: (/** @type {any} */ { input }) => (mustSignIn(), { goal: goal(input.goalText) }),
    async *goalUpdated() {
      mustSignIn();
      yield { goalUpdated: goal() };
    },
  };
}

/** @typedef {{ redacted: (string | number)[][] }} Context */

/** @param {any} path @returns {(string | number)[]} */
function pathOf(path) {
  return path ? [...pathOf(path.prev), path.key] : [];
}
