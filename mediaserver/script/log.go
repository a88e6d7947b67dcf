package script

import (
	_ "embed"
	"errors"

	"flashpod.dev/flashpod/mediaserver/script/engine"
)

//go:embed log.js
var logSource string

var logProgram = engine.NewProgram(engine.Source{Name: "(Log)", Text: logSource})

// defineLog makes Log known: messages of levels, with a time and a name before them.
func defineLog(w *world) error {
	return w.announce(library{name: "Log", program: logProgram})
}

var errSOAP = errors.New("WebService and SOAP are not here: ask the service by LoadVars or XML, or by NetConnection and Flash Remoting")

// leftOut are classes of which a runtime has the name alone, to say why there is no more.
var leftOut = setOf("SOAPCall", "WebService")

// defineWebService makes the names of SOAP say that it is left out, where a script asks
// for it.
func defineWebService(w *world) error {
	for name := range leftOut {
		err := w.announceValue(name, func() (engine.Value, error) {
			class, err := w.rt.Define(engine.Class{
				Name: name,
				New:  func(*engine.Call) (any, error) { return nil, errSOAP },
				Call: func(*engine.Call) (engine.Value, error) { return engine.Undefined, errSOAP },
			})
			if err != nil {
				return engine.Undefined, err
			}
			return class.Constructor().Value(), nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
