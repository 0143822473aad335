// Monaco paints itself and reads no CSS variables, so its two themes are told Palisade's colours.
import { useMonaco } from '@graphiql/react';
import { useEffect } from 'react';

interface Palette {
  base: 'vs' | 'vs-dark';
  surface: string;
  accent: string;
  keyword: string;
  type: string;
  argument: string;
  string: string;
  number: string;
  comment: string;
  literal: string;
}

// Registered under GraphiQL's own names: it then switches between them by itself.
const palettes: Record<string, Palette> = {
  'graphiql-LIGHT': {
    base: 'vs',
    surface: '#ffffff',
    accent: '#10655a',
    keyword: '#10655a',
    type: '#6244a6',
    argument: '#8a4b0b',
    string: '#1c5f9e',
    number: '#8a4b0b',
    comment: '#5a6d70',
    literal: '#a82c1c',
  },
  'graphiql-DARK': {
    base: 'vs-dark',
    surface: '#142025',
    accent: '#61d1b4',
    keyword: '#61d1b4',
    type: '#c5b0fb',
    argument: '#f2b869',
    string: '#8ec5f5',
    number: '#f2b869',
    comment: '#8fa5a6',
    literal: '#ff9d8f',
  },
};

export function useEditorTheme(): void {
  const monaco = useMonaco((state) => state.monaco);
  useEffect(() => {
    if (!monaco) return;
    for (const [name, palette] of Object.entries(palettes)) monaco.editor.defineTheme(name, themeData(palette));
  }, [monaco]);
}

function themeData(palette: Palette) {
  const colour = (hex: string) => hex.slice(1);
  return {
    base: palette.base,
    inherit: true,
    rules: [
      { token: 'keyword.gql', foreground: colour(palette.keyword) },
      { token: 'type.identifier.gql', foreground: colour(palette.type) },
      { token: 'argument.identifier.gql', foreground: colour(palette.argument) },
      { token: 'string.gql', foreground: colour(palette.string) },
      { token: 'number.gql', foreground: colour(palette.number) },
      { token: 'comment.gql', foreground: colour(palette.comment) },
      { token: 'string.key.json', foreground: colour(palette.keyword) },
      { token: 'string.value.json', foreground: colour(palette.string) },
      { token: 'number.json', foreground: colour(palette.number) },
      // null, true, false: a redacted field is to be seen at a glance.
      { token: 'keyword.json', foreground: colour(palette.literal) },
    ],
    colors: {
      'editor.background': '#00000000',
      'scrollbar.shadow': '#00000000',
      focusBorder: palette.accent,
      'textLink.foreground': palette.accent,
      'textLink.activeForeground': palette.accent,
      'editorLink.activeForeground': palette.accent,
      'editorWidget.background': palette.surface,
      'editorHoverWidget.background': palette.surface,
      'editorSuggestWidget.background': palette.surface,
      'editorSuggestWidget.selectedBackground': `${palette.accent}33`,
      'list.hoverBackground': `${palette.accent}1f`,
      'list.highlightForeground': palette.accent,
      'menu.background': palette.surface,
      'menu.selectionBackground': `${palette.accent}33`,
      'quickInput.background': palette.surface,
      'quickInputList.focusBackground': `${palette.accent}33`,
    },
  };
}
