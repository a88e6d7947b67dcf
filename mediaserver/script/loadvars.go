package script

import (
	_ "embed"

	"flashpod.dev/flashpod/mediaserver/script/engine"
)

//go:embed loadvars.js
var loadVarsSource string

var loadVarsProgram = engine.NewProgram(engine.Source{Name: "(LoadVars)", Text: loadVarsSource})

// defineLoadVars makes LoadVars known: variables that are sent to a URL and loaded from
// one. An answer comes as an event of its own: onHTTPStatus with its status (0: there was
// none; not called where the host was not asked), onData with its text, and undefined
// where it failed or its status is 400 and above, and onLoad, which the LoadVars' own
// onData calls.
func defineLoadVars(w *world) error {
	return w.announce(library{
		name: "LoadVars", program: loadVarsProgram,
		natives: map[string]engine.Func{
			"request": w.nativeRequest,
			"parse":   w.parseVariables,
			"failed":  w.nativeFailed,
			"escape":  func(c *engine.Call) (engine.Value, error) { return engine.String(escapeVariable(c.Arg(0).Text())), nil },
			"loaded":  bytesOf((*transfer).bytesLoaded),
			"total":   bytesOf((*transfer).bytesTotal),
		},
		made: func(class *engine.Object) error {
			proto, err := class.Get("prototype")
			if err != nil {
				return err
			}
			onData, err := proto.Object().Get("onData")
			if err == nil {
				w.outward.onData = onData.Object().Keep()
			}
			return err
		},
	})
}

// parseVariables gives an array of names and values by turns.
func (w *world) parseVariables(c *engine.Call) (engine.Value, error) {
	all, err := parseVariables(c.Arg(0).Text())
	if err != nil {
		return engine.Undefined, engine.RangeError("LoadVars.decode: %s", err)
	}
	l := &engine.List{Length: uint32(2 * len(all))}
	for i, v := range all {
		l.Items = append(l.Items, engine.Item{Index: uint32(2 * i), Value: engine.String(v.name)},
			engine.Item{Index: uint32(2*i + 1), Value: engine.String(v.value)})
	}
	return w.rt.Import(l)
}
