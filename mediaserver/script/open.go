package script

import "flashpod.dev/flashpod/mediaserver/script/engine"

// openness says what clients may call of the functions that a script has put on an object.
type openness int

const (
	// allOpen: the object is the script's own.
	allOpen openness = iota
	// handlersShut: the server calls its handlers, which are called on…; what else is
	// there is the script's own.
	handlersShut
	// allShut: what is there is called by the server, for others or itself, whatever its
	// name.
	allShut
)

// prototype is that of a class of the server's.
type prototype struct {
	object *engine.Object
	open   openness
}

// calledByName are classes written in the script's language, on which a script puts what
// a far server calls.
var calledByName = setOf("NetConnection", "NetStream")

// open says whether a client's path may go from an object to a property of it. What the
// server calls itself is not for clients: handlers of application and of the server's
// other objects, and what a script puts on a SharedObject, a Stream or a NetConnection.
// Nor are other clients, whose methods would take the caller for them.
func (w *world) open(c *client, o *engine.Object, name string) (bool, error) {
	if host, ok := o.Host().(*client); ok {
		return host == c, nil
	}
	open, err := w.openness(o)
	return open == allOpen || open == handlersShut && !isHandler(name), err
}

// isHandler says whether a property is called as what the server calls: onConnect.
func isHandler(name string) bool {
	return len(name) > 2 && name[:2] == "on" && name[2] >= 'A' && name[2] <= 'Z'
}

// maxChain is how many objects an object's line of prototypes is followed.
const maxChain = 32

// openness is an object's, by its class or one that it inherits from.
func (w *world) openness(o *engine.Object) (openness, error) {
	for range maxChain {
		switch o.Host().(type) {
		case *world, *fileObject:
			return handlersShut, nil
		case *client, *sharedObject, *liveStream:
			return allShut, nil
		}
		for _, p := range w.outward.prototypes {
			if p.object.Same(o) {
				return p.open, nil
			}
		}
		proto, err := o.Prototype()
		if err != nil {
			return allShut, err
		}
		if proto == nil {
			return allOpen, nil
		}
		o = proto
	}
	return allShut, nil
}

// ours notes the prototype of a class that is written in the script's language.
func (w *world) ours(l library, class *engine.Object) error {
	if class == nil {
		return nil
	}
	v, err := class.Get("prototype")
	if err != nil || v.Object() == nil {
		return err
	}
	open := handlersShut
	if calledByName[l.name] {
		open = allShut
	}
	w.outward.prototypes = append(w.outward.prototypes, prototype{v.Object().Keep(), open})
	return nil
}
