// The double's tokens: opaque strings in two maps, and the two accidents a test can bring about.

export class Sessions {
  /** @type {Map<string, string>} */
  #access = new Map();
  /** @type {Map<string, string>} */
  #refresh = new Map();
  #count = 0;

  /** @param {string | undefined} token */
  emailOf(token) {
    return token === undefined ? undefined : this.#access.get(token);
  }

  /** @param {string} email */
  issue(email) {
    const accessToken = `access-${++this.#count}`;
    const refreshToken = `refresh-${this.#count}`;
    this.#access.set(accessToken, email);
    this.#refresh.set(refreshToken, email);
    return { accessToken, refreshToken, expiresAt: new Date(Date.now() + 900_000).toISOString() };
  }

  /** @param {string} refreshToken */
  spend(refreshToken) {
    const email = this.#refresh.get(refreshToken);
    this.#refresh.delete(refreshToken);
    return email;
  }

  /** @param {string | undefined} accessToken */
  end(accessToken) {
    return accessToken !== undefined && this.#access.delete(accessToken);
  }

  lapse() {
    this.#access.clear();
  }

  revoke() {
    this.#access.clear();
    this.#refresh.clear();
  }
}
