// GraphiQL takes no editor options, so each editor is told when Monaco makes it.
import { useMonaco, type MonacoEditor } from '@graphiql/react';
import { useEffect } from 'react';

const options = {
  // The stories' comments are read on telephones and beside an open plugin too.
  wordWrap: 'on',
  // A typographic apostrophe in a prompt is no attack; invisible characters stay marked.
  unicodeHighlight: { ambiguousCharacters: false },
} satisfies Parameters<MonacoEditor['updateOptions']>[0];

export function useEditorOptions(): void {
  const monaco = useMonaco((state) => state.monaco);
  useEffect(() => {
    if (!monaco) return;
    for (const editor of monaco.editor.getEditors()) editor.updateOptions(options);
    const listening = monaco.editor.onDidCreateEditor((editor) => editor.updateOptions(options));
    return () => listening.dispose();
  }, [monaco]);
}
