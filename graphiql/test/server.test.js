// The page as the real server serves it: PALISADE_URL=http://127.0.0.1:8080 npm run test:server,
// against a server that runs as a demo.
import { testPage } from './page-tests.js';
import { testStreams } from './stream-tests.js';

const { PALISADE_URL } = process.env;
if (!PALISADE_URL) throw new Error('PALISADE_URL is not set');

testPage(() => new URL(PALISADE_URL).origin);
testStreams(() => new URL(PALISADE_URL).origin);
