package instance

import (
	"flashpod.dev/flashpod/mediaserver/session"
	"flashpod.dev/flashpod/mediaserver/sharedobject"
)

// The limits of the manifest that concern shared objects.
const (
	limitObjects = "limit reached: spec.limits.maxSharedObjects"
)

// limitOf says why a request was denied, and names the field of the manifest.
func limitOf(why sharedobject.Denial) string {
	field := map[sharedobject.Denial]string{
		sharedobject.DeniedSlots:    "maxSharedObjectSlots",
		sharedobject.DeniedSlotSize: "maxSlotSize",
		sharedobject.DeniedSize:     "maxSharedObjectSize",
	}[why]
	if field == "" {
		return string(why)
	}
	return string(why) + " (spec.limits." + field + ")"
}

// say answers a client that does not use the object with a Status.
func (c *call) say(code, why string) {
	c.log(1, why)
	m := sharedobject.Message{
		Name: c.key.name, Persistent: c.key.persistent, Version: c.r.Message.Version,
		Events: []sharedobject.Event{sharedobject.Failed(code)},
	}
	c.peer.Tell(sharedobject.Update{Flex: c.r.Form.Flex, Payload: m.Encode(c.r.Form.AMF3)}, nil)
}

// refuse answers a message about what is no name of an object.
func (c *call) refuse(why string) {
	for _, e := range c.r.Message.Events {
		switch e.Type {
		case sharedobject.Release:
			continue // it has no answer
		case sharedobject.Use:
			c.say(sharedobject.CodeCreationFailed, why)
		default:
			c.say(sharedobject.CodeNoWriteAccess, why)
		}
		return // one answer is enough
	}
}

// log tells the log what a client was denied; the log keeps a pace for each
// address.
func (c *call) log(requests int, why string) {
	c.o.log.Warn("shared object refused", "client", c.r.ID, "address", c.r.Address,
		"object", session.Printable(c.key.name), "persistent", c.key.persistent, "requests", requests, "reason", why)
}
