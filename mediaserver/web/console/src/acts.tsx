/** What changes something: it is asked for once more, done, and said. */
import { createContext, type ComponentChildren } from "preact";
import { useContext, useEffect, useRef, useState } from "preact/hooks";

interface Act {
  /** The question, as a headline. */
  title: string;
  /** What will come of it. */
  text: string;
  /** What the button says. */
  verb: string;
  do: () => Promise<unknown>;
  /** What is said when it is done. */
  done: string;
}

interface Acts {
  /** Whether this session may change anything; nothing that does is shown otherwise. */
  may: boolean;
  ask: (act: Act) => void;
  say: (text: string, kind?: "error") => void;
}

const ActsContext = createContext<Acts>({ may: false, ask: () => {}, say: () => {} });
export const useActs = (): Acts => useContext(ActsContext);

export function ActsProvider({ may, children }: { may: boolean; children: ComponentChildren }) {
  const [act, setAct] = useState<Act>();
  const [said, setSaid] = useState<{ text: string; kind?: "error" | undefined }>();
  const say: Acts["say"] = (text, kind) => setSaid({ text, kind });
  useEffect(() => {
    if (!said) return undefined;
    const timer = setTimeout(() => setSaid(undefined), said.kind ? 12_000 : 6_000);
    return () => clearTimeout(timer);
  }, [said]);
  return (
    <ActsContext.Provider value={{ may, ask: setAct, say }}>
      {children}
      {act && <Question act={act} say={say} close={() => setAct(undefined)} />}
      <div class="said">
        <p role="status">{said && !said.kind ? said.text : ""}</p>
        <p role="alert" class="error">
          {said?.kind ? said.text : ""}
        </p>
      </div>
    </ActsContext.Provider>
  );
}

function Question({ act, say, close }: { act: Act; say: Acts["say"]; close: () => void }) {
  const [busy, setBusy] = useState(false);
  const go = async (): Promise<void> => {
    setBusy(true);
    try {
      await act.do();
      say(act.done);
    } catch (e) {
      say((e as Error).message, "error");
    }
    close();
  };
  return (
    <Dialog title={act.title} close={close}>
      <p>{act.text}</p>
      <div class="buttons">
        <button type="button" onClick={close}>
          Cancel
        </button>
        <button type="button" class="danger" disabled={busy} onClick={() => void go()}>
          {act.verb}
        </button>
      </div>
    </Dialog>
  );
}

/** What stands before everything else until it is closed, also by Escape; the focus then is where it was. */
export function Dialog({ title, close, wide, children }: { title: string; close: () => void; wide?: boolean; children: ComponentChildren }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const before = document.activeElement;
    dialog.current!.showModal();
    return () => {
      dialog.current?.close();
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  return (
    <dialog ref={dialog} class={wide ? "wide" : ""} aria-labelledby="dialog-title" onClose={close}>
      <h2 id="dialog-title">{title}</h2>
      {children}
    </dialog>
  );
}
