//go:build clients

package server

import (
	"fmt"
	"strings"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/sharedobject"
)

const (
	// silentUsers is how many use the strangers' object and read nothing of it, and
	// changers how many change it.
	silentUsers = 50
	changers    = 8
	// clearsAtOnce is how often a message clears the object.
	clearsAtOnce = 4000
)

// objectTrials are strangers who use shared objects.
func objectTrials() []trial {
	return []trial{{
		name:    fmt.Sprintf("Changes of the slots of a shared object without end, by %d, that %d others use who read nothing.", changers, silentUsers),
		bound:   "32 KiB on the way to a client, 256 KiB that wait for it; half of the processors, in turns: telling others is the turn of who changes",
		notices: "nothing", memory: 96 << 20,
		least: load{Sent: 2 << 20, Came: 1 << 20, Served: silentUsers + changers},
		send:  sendChanges,
	}, {
		name:    fmt.Sprintf("%d slots set and the object cleared as often in one message, without end, by %d, that %d others use who read nothing.", clearsAtOnce, changers, silentUsers),
		bound:   "as above; 256 events a turn of the instance",
		notices: "nothing", memory: 96 << 20,
		least: load{Sent: 2 << 20, Came: 1 << 20, Served: silentUsers + changers},
		send:  sendClears,
	}}
}

// shared is a message about the strangers' object, in chunks of 128 bytes.
func shared(events ...sharedobject.Event) []byte {
	m := sharedobject.Message{Name: "strangers", Events: events}
	return rtmp.AppendChunks(nil, &rtmp.Message{Type: rtmp.TypeSharedObject, Payload: m.Encode(false)[1:]}, 128)
}

func sendChanges(s *stranger) {
	value, err := sharedobject.NewValue(amf.Value(strings.Repeat("x", 4000)))
	if err != nil {
		s.failed(err)
		return
	}
	var changes []byte
	for slot := range 50 {
		changes = append(changes, shared(sharedobject.Event{Type: sharedobject.RequestChange, Name: fmt.Sprint("slot", slot), Value: value})...)
	}
	s.changeBesideSilent(changes)
}

func sendClears(s *stranger) {
	value, err := sharedobject.NewValue(true)
	if err != nil {
		s.failed(err)
		return
	}
	var events []sharedobject.Event
	for range clearsAtOnce {
		events = append(events, sharedobject.Event{Type: sharedobject.RequestChange, Name: "a", Value: value}, sharedobject.Event{Type: sharedobject.Clear})
	}
	s.changeBesideSilent(shared(events...))
}

// changeBesideSilent has many change the object, that others use who read nothing.
func (s *stranger) changeBesideSilent(changes []byte) {
	use := shared(sharedobject.Event{Type: sharedobject.Use})
	for range silentUsers {
		s.insists(func() error {
			nc, err := s.letIn()
			if err == nil {
				pour(nc, use)
			}
			return err
		})
	}
	s.crowd(changers, func() error { return s.change(use, changes) })
}

// change uses the object, and sends the same changes again and again.
func (s *stranger) change(use, changes []byte) error {
	nc, err := s.letIn()
	if err != nil {
		return err
	}
	defer nc.Close()
	pour(nc, use)
	return s.sendUnread(nc, changes)
}
