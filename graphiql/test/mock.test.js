// The page over the test double: everything the real server is held to, and the accidents that a
// test cannot bring about on a real one. Needs `npm run build` first.
import { after, before } from 'node:test';
import { startDouble } from './double/server.js';
import { testPage } from './page-tests.js';
import { testSession } from './session-tests.js';
import { testTopBar } from './top-bar-tests.js';

/** @type {Awaited<ReturnType<typeof startDouble>>} */
let double;
before(async () => {
  double = await startDouble();
});
after(() => double.close());

testPage(() => double.origin);
testSession();
testTopBar();
