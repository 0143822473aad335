// GraphQL without the page.

/**
 * Signs in, and gives back what asks as that person.
 *
 * @param {string} origin
 * @param {{ email: string, password: string }} login
 */
export async function ask(origin, { email, password }) {
  const post = async (/** @type {object} */ body, headers = {}) => {
    const response = await fetch(`${origin}/graphql`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });
    return (await response.json()).data;
  };
  const { login } = await post({
    query: 'mutation($input: LoginInput!) { login(input: $input) { accessToken } }',
    variables: { input: { email, password } },
  });
  const headers = { Authorization: `Bearer ${login.accessToken}` };
  return (/** @type {string} */ query, /** @type {object} */ variables = {}) => post({ query, variables }, headers);
}
