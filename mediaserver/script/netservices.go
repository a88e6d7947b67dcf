package script

import (
	_ "embed"

	"flashpod.dev/flashpod/mediaserver/script/engine"
)

//go:embed netservices.js
var netServicesSource string

var netServicesProgram = engine.NewProgram(engine.Source{Name: "(NetServices)", Text: netServicesSource})

// defineNetServices has load("netservices.asc") make NetServices, RecordSet, and
// getService and setCredentials of NetConnection: a file that came with Flash Remoting,
// and is nowhere to be had. A file of that name in the application's folder goes first.
func defineNetServices(w *world) error {
	made := false
	w.provided["netservices.asc"] = func() error {
		if made {
			return nil
		}
		v, err := w.loadLibrary(library{program: netServicesProgram, natives: map[string]engine.Func{"failed": w.nativeFailed}})
		if err != nil {
			return err
		}
		made = true
		return w.global.Define("NetServices", v, engine.Writable|engine.Configurable)
	}
	return nil
}
