import { explorerPlugin } from '@graphiql/plugin-explorer';
import { GraphiQL, HISTORY_PLUGIN } from 'graphiql';
import { AnswersOfOnePerson } from './answers';
import { useEditorOptions } from './theme/editor-options';
import { useEditorTheme } from './theme/editor-theme';
import { fetcher } from './fetcher';
import { stories } from './stories';
import { TopBar } from './top-bar/top-bar';

// The documentation explorer is GraphiQL's own reference plugin and needs no mention.
const plugins = [HISTORY_PLUGIN, explorerPlugin({ showAttribution: false })];

export function App() {
  useEditorOptions();
  useEditorTheme();
  return (
    <>
      <TopBar />
      <main className="workbench" aria-label="GraphQL workbench">
        <GraphiQL
          fetcher={fetcher}
          plugins={plugins}
          defaultTabs={stories}
          defaultEditorToolsVisibility="variables"
          // Headers may hold tokens and are never written to storage.
          shouldPersistHeaders={false}
        >
          {/* The top bar names the product. */}
          <GraphiQL.Logo>{null}</GraphiQL.Logo>
          <AnswersOfOnePerson />
        </GraphiQL>
      </main>
    </>
  );
}
