package script

import (
	_ "embed"

	"flashpod.dev/flashpod/mediaserver/script/engine"
)

//go:embed xml.js
var xmlSource string

var xmlProgram = engine.NewProgram(engine.Source{Name: "(XML)", Text: xmlSource})

// defineXML gives the class XML what loads documents and sends them, as LoadVars does
// with variables: a document is sent by POST.
func defineXML(w *world) error {
	return w.values.XML.OnDefine(func(of *engine.Object) error {
		add, err := w.loadLibrary(library{program: xmlProgram, natives: map[string]engine.Func{
			"request": w.nativeRequest,
			"failed":  w.nativeFailed,
			"loaded":  bytesOf((*transfer).bytesLoaded),
			"total":   bytesOf((*transfer).bytesTotal),
		}})
		if err != nil {
			return err
		}
		w.outward.prototypes = append(w.outward.prototypes, prototype{of.Keep(), handlersShut})
		_, err = add.Object().Call(engine.Undefined, of.Value())
		return err
	})
}
