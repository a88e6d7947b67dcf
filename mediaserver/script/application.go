package script

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/script/engine"
)

// application is the object of that name, and what the world remembers of it.
type application struct {
	object  *engine.Object
	clients *engine.Object // the array, which scripts keep a reference to
	config  *engine.Object
	// indexOf and splice are the array's own, whatever a script makes of them.
	indexOf, splice *engine.Object
	allowDebug      bool
	collecting      bool // gc was called, in the event that is under way
}

// serverName is application.server, in the form that scripts expect.
const serverName = "Flash Media Server-Linux/3.5 (Flashpod)"

// defineApplication makes the global object application.
func defineApplication(w *world) error {
	class, err := w.rt.Define(engine.Class{
		Name: "Application",
		Methods: []engine.Method{
			{Name: "acceptConnection", Length: 1, Func: w.acceptConnection},
			{Name: "rejectConnection", Length: 2, Func: w.rejectConnection},
			{Name: "redirectConnection", Length: 4, Func: w.redirectConnection},
			{Name: "disconnect", Length: 1, Func: w.disconnect},
			{Name: "broadcastMsg", Length: 1, Func: w.broadcastMsg},
			{Name: "registerClass", Length: 2, Func: w.registerClass},
			{Name: "registerProxy", Length: 3, Func: w.registerProxy},
			{Name: "shutdown", Func: w.shutdown},
			{Name: "getStats", Func: w.applicationStats},
			{Name: "gc", Func: w.collect},
		},
		Properties: w.applicationProperties(),
	})
	if err != nil {
		return err
	}
	w.types.application = class
	a := &w.application
	if a.object, err = class.New(w); err != nil {
		return err
	}
	if a.clients, err = w.rt.NewArray(); err != nil {
		return err
	}
	if a.indexOf, a.splice, err = w.arrayFunctions(); err != nil {
		return err
	}
	if err := w.defineConfig(); err != nil {
		return err
	}
	for _, o := range []*engine.Object{a.object, a.clients, a.indexOf, a.splice} {
		o.Keep()
	}
	return w.global.Define("application", a.object.Value(), engine.Writable|engine.Configurable)
}

func (w *world) arrayFunctions() (indexOf, splice *engine.Object, err error) {
	proto, err := w.application.clients.Prototype()
	if err != nil {
		return nil, nil, err
	}
	i, err := proto.Get("indexOf")
	s, err2 := proto.Get("splice")
	return i.Object(), s.Object(), errors.Join(err, err2)
}

// defineConfig makes application.config of what the configuration says.
func (w *world) defineConfig() error {
	settings := w.host.cfg.Settings
	if settings == nil {
		settings = amf.NewObject()
	}
	v, err := w.values.In(settings)
	if err != nil {
		return err
	}
	if w.application.config = v.Object(); w.application.config != nil {
		w.application.config.Keep()
	}
	return nil
}

func (w *world) applicationProperties() []engine.Property {
	cfg := &w.host.cfg
	text := func(s string) func(*engine.Call) (engine.Value, error) {
		return func(*engine.Call) (engine.Value, error) { return engine.String(s), nil }
	}
	object := func(o **engine.Object) func(*engine.Call) (engine.Value, error) {
		return func(*engine.Call) (engine.Value, error) { return (*o).Value(), nil }
	}
	return []engine.Property{
		{Name: "name", Hidden: true, Get: text(cfg.Application + "/" + cfg.Name)},
		{Name: "server", Hidden: true, Get: text(serverName)},
		{Name: "hostname", Hidden: true, Get: text(cfg.Hostname)},
		{Name: "clients", Hidden: true, Get: object(&w.application.clients)},
		{Name: "config", Hidden: true, Get: object(&w.application.config)},
		{
			Name: "allowDebug", Hidden: true,
			Get: func(*engine.Call) (engine.Value, error) { return engine.Bool(w.application.allowDebug), nil },
			Set: func(c *engine.Call) error {
				w.application.allowDebug = c.Arg(0).Truth()
				return nil
			},
		},
	}
}

// broadcastMsg calls a method of every client that is in.
func (w *world) broadcastMsg(c *engine.Call) (engine.Value, error) {
	method, err := c.Runtime.ToString(c.Arg(0))
	if err != nil {
		return engine.Undefined, err
	}
	args, err := w.out(rest(c.Args, 1))
	if err != nil {
		return engine.Undefined, err
	}
	w.instance().Broadcast(method, args)
	return engine.Bool(true), nil
}

func rest[T any](all []T, from int) []T {
	if from >= len(all) {
		return nil
	}
	return all[from:]
}

// registerClass has objects of a class's name come as what a constructor makes, and
// leave with that name; null takes it back.
func (w *world) registerClass(c *engine.Call) (engine.Value, error) {
	name, err := c.Runtime.ToString(c.Arg(0))
	if err != nil {
		return engine.Undefined, err
	}
	constructor := c.Arg(1).Object()
	if constructor != nil && !constructor.IsFunction() {
		return engine.Bool(false), nil
	}
	return engine.Bool(true), w.values.Register(name, constructor)
}

func (w *world) shutdown(*engine.Call) (engine.Value, error) {
	w.instance().Shutdown()
	return engine.Bool(true), nil
}

// collect is gc. The engine counts references, and looks for cycles when the event is
// over.
func (w *world) collect(*engine.Call) (engine.Value, error) {
	if w.application.collecting {
		return engine.Undefined, nil
	}
	w.application.collecting = true
	w.after(func() {
		w.application.collecting = false
		if err := w.rt.Collect(); err != nil {
			w.report(err)
		}
	})
	return engine.Undefined, nil
}

// stop asks onAppStop.
func (w *world) stop(reason string) (refused bool) {
	if w.application.object == nil {
		return false
	}
	info, err := w.rt.NewObject()
	if err == nil {
		err = errors.Join(info.Set("code", engine.String(reason)), info.Set("level", engine.String("status")))
	}
	if err != nil {
		w.report(err)
		return false
	}
	v, ok := w.call(w.application.object, "onAppStop", info.Value())
	return ok && v.Kind() == engine.KindBool && !v.Bool()
}

var errStale = errors.New("the script's files have changed, and cannot be loaded: the script goes on as it was, until they are mended")

// reload ends this world, which is told as if the instance ended, and its clients with
// it. bad is why the files cannot be loaded: then the world goes on, if it can do anything.
func (w *world) reload(bad error) {
	if bad != nil && w.broken == "" {
		w.doing = "load"
		w.report(fmt.Errorf("%w: %w", errStale, bad))
		return
	}
	w.stop(StopShutdown)
	w.host.cfg.Instance.Lost(reloaded, slices.AppendSeq([]string{}, maps.Keys(w.clients)))
	for id := range w.clients {
		w.scope(func() { w.leave(id) })
	}
	w.after(func() { w.end(nil) })
}
