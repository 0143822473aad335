import { useGraphiQL, useGraphiQLActions } from '@graphiql/react';
import { useEffect, useRef } from 'react';
import { useSession } from './session/use-session';

/**
 * Answers belong to the person who asked. When another signs in, or nobody is signed in any more,
 * every tab's answer is emptied, a running subscription is stopped and the schema asked for anew.
 * Operations stay: running the same one as somebody else is the point of the page.
 */
export function AnswersOfOnePerson() {
  const { generation } = useSession();
  const { stop, moveTab, updateActiveTabValues, introspect } = useGraphiQLActions();
  const { tabs, activeTabIndex, responseEditor } = useGraphiQL((state) => ({
    tabs: state.tabs,
    activeTabIndex: state.activeTabIndex,
    responseEditor: state.responseEditor,
  }));
  const shown = useRef(generation);

  useEffect(() => {
    if (shown.current === generation) return;
    shown.current = generation;
    stop();
    // GraphiQL replaces all tabs at once only by "moving" them; it finds the open one by identity.
    moveTab(tabs.map((tab, index) => (index === activeTabIndex ? tab : { ...tab, response: null })));
    updateActiveTabValues({ response: null });
    responseEditor?.setValue('');
    void introspect();
  });
  return null;
}
