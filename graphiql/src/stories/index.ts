// The tabs a first visit opens with, one per story. GraphiQL titles a tab after its operation.
// They are defaults only: tabs that the browser has stored win. A comment is one long line for each
// thought, because the editor wraps it to whatever width it has.
import whoAmI from './1-who-am-i.graphql?raw';
import myAgentsAndGoals from './2-my-agents-and-goals.graphql?raw';
import submitGoal from './3-submit-goal.graphql?raw';
import submitGoalVariables from './3-submit-goal.variables.json?raw';
import operatorView from './4-operator-view.graphql?raw';
import usersAndOrganizations from './5-users-and-organizations.graphql?raw';

// Empty, not absent: to GraphiQL's history the two are different requests, each with a line.
const blank = { variables: '', headers: '' };

export const stories = [
  { ...blank, query: whoAmI },
  { ...blank, query: myAgentsAndGoals },
  { ...blank, query: submitGoal, variables: submitGoalVariables },
  { ...blank, query: operatorView },
  { ...blank, query: usersAndOrganizations },
];
