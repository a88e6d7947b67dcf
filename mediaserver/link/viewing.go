package link

import "time"

// Viewings is the version from which an origin is asked about viewers by HTTP.
const Viewings = 2

// What an edge says of its viewers by HTTP, who are numbered as its clients are.
const (
	Locate  Kind = iota + 40 // LocateBody; ID: a question. Client 0
	Watch                    // WatchBody; ID: a question
	Watched                  // nothing: the viewer has gone, or has asked in vain
	Sent                     // []SentBody; Client 0
)

// What an origin says of them.
const (
	Dismiss Kind = iota + 104 // DismissBody
)

// LocateBody asks where a stream is, or would be.
type LocateBody struct {
	Path string `cbor:"1,keyasint"` // APPLICATION/INSTANCE/NAME
	// Held asks something else: whether the origin, which shares an application with
	// others, has anything of an instance, APPLICATION/INSTANCE. Path is "" then.
	Held string `cbor:"2,keyasint,omitempty"`
}

// LocateAnswer is where. Known says that there may be something to watch. Pages are the
// web pages that may use what is there, as browsers write their origins, or "*" for all.
type LocateAnswer struct {
	Application string   `cbor:"1,keyasint"`
	Instance    string   `cbor:"2,keyasint"`
	Name        string   `cbor:"3,keyasint"` // of the stream
	Known       bool     `cbor:"4,keyasint,omitempty"`
	Pages       []string `cbor:"5,keyasint,omitempty"`
	// Holding is the answer to LocateBody.Held; nil: the origin cannot say, or does not
	// know the question.
	Holding *bool `cbor:"6,keyasint,omitempty"`
	// Undefined says that the origin has no application of this name at all.
	Undefined bool `cbor:"7,keyasint,omitempty"`
}

// WatchBody is a viewer's request for a stream.
type WatchBody struct {
	Path     string `cbor:"1,keyasint"` // APPLICATION/INSTANCE/NAME
	Way      string `cbor:"2,keyasint"` // outlet.Way
	Recorded bool   `cbor:"3,keyasint,omitempty"`
	Method   string `cbor:"4,keyasint,omitempty"`
	// URL is the path of the request, and Query that of its URL; the rest is what it says
	// of itself.
	URL           string `cbor:"5,keyasint,omitempty"`
	Query         string `cbor:"6,keyasint,omitempty"`
	Address       string `cbor:"7,keyasint"` // host:port
	Agent         string `cbor:"8,keyasint,omitempty"`
	Referrer      string `cbor:"9,keyasint,omitempty"`
	Authorization string `cbor:"10,keyasint,omitempty"`
	// Operator says that who asks has shown that the edge is theirs to run.
	Operator bool `cbor:"11,keyasint,omitempty"`
}

// WatchAnswer is what a viewer is granted, or a status of HTTP and why it is not.
type WatchAnswer struct {
	Status int    `cbor:"1,keyasint,omitempty"` // 0: it is granted
	Reason string `cbor:"2,keyasint,omitempty"`
	// Live is the name of a live stream, and Of which one of that name, so long as the
	// origin lives: see stream.Stream.ID.
	Live string `cbor:"3,keyasint,omitempty"`
	Of   uint64 `cbor:"4,keyasint,omitempty"`
	// File is a recorded file, Modified when it was, in ns since 1970, and Disk where it
	// lies, in a word.
	File     *FileBody `cbor:"5,keyasint,omitempty"`
	Modified int64     `cbor:"6,keyasint,omitempty"`
	Disk     string    `cbor:"7,keyasint,omitempty"`
	Token    string    `cbor:"8,keyasint,omitempty"` // that the connection for it is to say
	// Latency and GOPCache are as in ConnectAnswer.
	Latency  int  `cbor:"9,keyasint,omitempty"`
	GOPCache bool `cbor:"10,keyasint,omitempty"`
	// HLS is how a live stream is watched in that way.
	HLS HLSRules `cbor:"11,keyasint,omitzero"`
}

// HLSRules are outlet.HLSRules, but for when streams are cut: an edge cuts those that are
// watched there.
type HLSRules struct {
	Plain  bool          `cbor:"1,keyasint,omitempty"`
	Part   time.Duration `cbor:"2,keyasint,omitempty"`
	Window time.Duration `cbor:"3,keyasint,omitempty"`
}

// SentBody is how many bytes a viewer was sent since the last time.
type SentBody struct {
	Viewer uint64 `cbor:"1,keyasint"`
	Bytes  uint64 `cbor:"2,keyasint"`
}

// DismissBody has a viewer go. Barred says that it is not to come back at once; who is not
// barred may ask anew.
type DismissBody struct {
	Reason string `cbor:"1,keyasint,omitempty"`
	Barred bool   `cbor:"2,keyasint,omitempty"`
}
