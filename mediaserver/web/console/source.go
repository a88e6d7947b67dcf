package console

import (
	"context"
	"encoding/json"
	"strings"
	"time"
)

// Source is the running server, as far as the console shows and changes it. Its methods
// may be called from any goroutine. Those with a context may wait until it ends; the
// others do not wait. Errors that are for the page are of type *Error.
type Source interface {
	// Server is how the server is now, and Instances what runs there, in any order.
	Server() Server
	Instances() []Instance
	// Detail looks into one instance; false: it does not run.
	Detail(ctx context.Context, application, instance string) (Detail, bool)
	// Object is a shared object that is in use, by its ObjectKey; nil: there is none.
	// Where it has the version that is known already, it has no slots (nil).
	Object(ctx context.Context, application, instance, key string, known uint32) *Object

	// Kick ends the connection of a client.
	Kick(application, instance, client string) error
	// Unload ends all clients of an instance and, where it is there on demand, itself.
	Unload(ctx context.Context, application, instance string) error
	// Delete removes a recorded stream.
	Delete(ctx context.Context, application, instance, name string) error
	// Drain has the server tell its clients to go and end. It does not wait for that.
	Drain()
}

// Server is how the server is. Its JSON is that of the event state.
type Server struct {
	Version  string  `json:"version"`
	Uptime   int64   `json:"uptime"` // in seconds
	Ready    bool    `json:"ready"`  // clients are welcome
	Draining bool    `json:"draining"`
	Reason   string  `json:"reason"` // why clients are not welcome; "": they are
	CPU      float64 `json:"cpu"`    // processors that are busy; of the time since the last look
	Memory   int64   `json:"memory"` // that the process has, in bytes
	// Connections are those open now, of clients and of strangers.
	Connections int `json:"connections"`
	// Web is the URL of the public port; "": there is none.
	Web string `json:"web"`

	// Totals are of all instances, and never go back.
	Totals Totals `json:"-"`
	// Busy is the time that the process has had of processors.
	Busy time.Duration `json:"-"`
	// Clients are those of all instances, and Players those of their live streams.
	Clients, Players int `json:"-"`
}

// Totals count bytes since something began. Rates are made of them.
type Totals struct{ In, Out uint64 }

// Rates are in bits a second.
type Rates struct {
	In  int64 `json:"in"`
	Out int64 `json:"out"`
}

// Instance is one that runs.
type Instance struct {
	Application string `json:"application"`
	Instance    string `json:"instance"`
	Scripted    bool   `json:"scripted"`
	OnDemand    bool   `json:"onDemand"`   // no manifest names it
	Clients     int    `json:"clients"`    // connected
	Players     int    `json:"players"`    // of live streams
	Streams     int    `json:"streams"`    // published now
	Recordings  int    `json:"recordings"` // being written now
	Rates
	Errors uint64 `json:"errors"` // of its script

	Totals Totals `json:"-"`
}

// Detail is what is in an instance. Lists are in the order of names, and end where they
// get too long for a page: what more there is, the numbers of Instance say.
type Detail struct {
	Application string         `json:"application"`
	Instance    string         `json:"instance"`
	Streams     []Stream       `json:"streams"`
	Clients     []Client       `json:"clients"`
	Objects     []SharedObject `json:"objects"`
}

// Stream is a live stream.
type Stream struct {
	Name      string `json:"name"`
	Since     int64  `json:"since"`               // Unix time in ms
	Publisher string `json:"publisher,omitempty"` // its client; "": the server itself
	Video     *Video `json:"video"`               // null: no picture has come
	Audio     *Audio `json:"audio"`
	Bitrate   int64  `json:"bitrate"` // bits a second, all tracks together
	// Keyframes is how far apart the newest two are, in seconds; 0: there are no two.
	Keyframes float64 `json:"keyframes"`
	Viewers   int     `json:"viewers"`
	Recording bool    `json:"recording"`
	// Delay is how many ms later than the earliest the newest packet has come, by the
	// publisher's own clock: what a network on the way holds back.
	Delay int64 `json:"delay"`

	// Bytes and Frames are what has come so far, Newest the newest timestamp and Arrived
	// when that came. They never go back in one publication.
	Bytes, Frames uint64        `json:"-"`
	Newest        time.Duration `json:"-"`
	Arrived       time.Time     `json:"-"`
}

// Video is what the first track of pictures is.
type Video struct {
	Codec  string  `json:"codec"` // as RFC 6381 has it, or a name
	Width  int     `json:"width"`
	Height int     `json:"height"`
	FPS    float64 `json:"fps"`
}

// Audio is what the first track of sound is.
type Audio struct {
	Codec    string `json:"codec"`
	Rate     int    `json:"rate"` // in Hz
	Channels int    `json:"channels"`
}

// Client is one that is connected.
type Client struct {
	ID      string `json:"id"`
	Address string `json:"address"`
	Agent   string `json:"agent"` // what it calls itself
	Since   int64  `json:"since"` // Unix time in ms
	Rates
	Ping float64 `json:"ping"` // the last round trip in ms; 0: none was measured
	Does string  `json:"does"` // "publishes cam; plays film"

	Totals Totals `json:"-"`
}

// SharedObject is one in use.
type SharedObject struct {
	Key        string `json:"key"` // see ObjectKey
	Name       string `json:"name"`
	Persistent bool   `json:"persistent"`
	Version    uint32 `json:"version"`
	Slots      int    `json:"slots"`
	Bytes      int    `json:"bytes"` // in memory, about
	Users      int    `json:"users"`
}

// Object is a shared object with what is in it.
type Object struct {
	Key     string                     `json:"key"`
	Name    string                     `json:"name"`
	Version uint32                     `json:"version"`
	Slots   map[string]json.RawMessage `json:"slots"`
	More    int                        `json:"more"` // slots that are not here, as they would be too much
}

const persistentPrefix, transientPrefix = "p:", "t:"

// ObjectKey is what the console calls a shared object: persistent ones and those that
// are not have names of their own, so the name has a prefix that says which it is.
func ObjectKey(name string, persistent bool) string {
	if persistent {
		return persistentPrefix + name
	}
	return transientPrefix + name
}

// ParseObjectKey is the name behind a prefix; ok is false where there is none.
func ParseObjectKey(key string) (name string, persistent, ok bool) {
	if name, ok = strings.CutPrefix(key, persistentPrefix); ok {
		return name, true, name != ""
	}
	name, ok = strings.CutPrefix(key, transientPrefix)
	return name, false, ok && name != ""
}

// Error is why something is not done, in words for a person.
type Error struct {
	Status int // of HTTP
	Reason string
}

// Error implements error.
func (e *Error) Error() string { return e.Reason }
