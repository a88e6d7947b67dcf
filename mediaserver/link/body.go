package link

import "time"

// What follows are the bodies of records. Numbers of fields are the protocol: one that
// was used means the same for ever.

// Client is session.Client.
type Client struct {
	ID      string `cbor:"1,keyasint"`
	Address string `cbor:"2,keyasint,omitempty"`
	Agent   string `cbor:"3,keyasint,omitempty"`
	Server  string `cbor:"4,keyasint,omitempty"`
}

// ConnectBody is session.ConnectRequest.
type ConnectBody struct {
	Client
	Application string              `cbor:"10,keyasint"`
	Instance    string              `cbor:"11,keyasint"`
	URI         string              `cbor:"12,keyasint,omitempty"`
	Referrer    string              `cbor:"13,keyasint,omitempty"`
	PageURL     string              `cbor:"14,keyasint,omitempty"`
	Query       map[string][]string `cbor:"15,keyasint,omitempty"`
	Secure      bool                `cbor:"16,keyasint,omitempty"`
	Origin      string              `cbor:"17,keyasint,omitempty"`
	AMF3        bool                `cbor:"18,keyasint,omitempty"`
	Args        []byte              `cbor:"19,keyasint,omitempty"` // AMF0 [amf.AppendAll]
	Via         []string            `cbor:"20,keyasint,omitempty"`
	// Again says that the client was let in before, over a link that was lost. Version 2.
	Again bool `cbor:"21,keyasint,omitempty"`
}

// Refusal is session.Refusal; nil: none.
type Refusal struct {
	Code        string        `cbor:"1,keyasint"`
	Reason      string        `cbor:"2,keyasint,omitempty"`
	Limit       string        `cbor:"3,keyasint,omitempty"`
	RetryAfter  time.Duration `cbor:"4,keyasint,omitempty"` // ns
	Cause       string        `cbor:"5,keyasint,omitempty"`
	Application []byte        `cbor:"6,keyasint,omitempty"` // AMF0
	Redirect    string        `cbor:"7,keyasint,omitempty"`
}

// ConnectAnswer is session.ConnectAnswer; the answer to Admit has a Refusal alone.
type ConnectAnswer struct {
	Refusal        *Refusal `cbor:"1,keyasint,omitempty"`
	Scripted       bool     `cbor:"2,keyasint,omitempty"`
	Pending        bool     `cbor:"3,keyasint,omitempty"`
	MaxMessageSize int      `cbor:"4,keyasint,omitempty"`
	ID             string   `cbor:"5,keyasint,omitempty"`
	// Delivery is how streams of the instance are sent to players: see stream.Options.
	Latency  int  `cbor:"6,keyasint,omitempty"`
	GOPCache bool `cbor:"7,keyasint,omitempty"`
}

// CallBody is session.CallRequest.
type CallBody struct {
	Method string `cbor:"1,keyasint"`
	Args   []byte `cbor:"2,keyasint,omitempty"` // AMF0
	Size   int    `cbor:"3,keyasint"`
	AMF3   bool   `cbor:"4,keyasint,omitempty"`
}

// CallAnswer is session.CallAnswer.
type CallAnswer struct {
	Result  []byte `cbor:"1,keyasint,omitempty"` // as it stands in a message
	AMF3    bool   `cbor:"2,keyasint,omitempty"`
	Missing bool   `cbor:"3,keyasint,omitempty"`
	Failed  string `cbor:"4,keyasint,omitempty"`
}

// PublishBody is session.PublishRequest.
type PublishBody struct {
	Name  string `cbor:"1,keyasint"`
	Query string `cbor:"2,keyasint,omitempty"`
	Mode  string `cbor:"3,keyasint"`
	Key   string `cbor:"4,keyasint,omitempty"` // what the client has shown
	Again bool   `cbor:"5,keyasint,omitempty"` // an origin that does not know it begins another recording
}

// PublishAnswer is session.PublishAnswer; that of MayPublish has a Refusal alone. Token is
// what the connection for Publish is to say.
type PublishAnswer struct {
	Refusal     *Refusal `cbor:"1,keyasint,omitempty"`
	Token       string   `cbor:"2,keyasint,omitempty"`
	Proved      bool     `cbor:"3,keyasint,omitempty"`
	Recorded    bool     `cbor:"4,keyasint,omitempty"`
	NotRecorded *Refusal `cbor:"5,keyasint,omitempty"`
}

// PlayBody is session.PlayRequest.
type PlayBody struct {
	Name      string `cbor:"1,keyasint"`
	From      int    `cbor:"2,keyasint,omitempty"`
	MustExist bool   `cbor:"3,keyasint,omitempty"`
	Waits     bool   `cbor:"4,keyasint,omitempty"` // it has a NobodyCame
	Key       string `cbor:"5,keyasint,omitempty"`
}

// PlayAnswer is session.PlayAnswer: a live stream, by its name in the instance, or a file,
// by the token that the connection for Read is to say.
type PlayAnswer struct {
	Refusal *Refusal  `cbor:"1,keyasint,omitempty"`
	Live    string    `cbor:"2,keyasint,omitempty"`
	File    *FileBody `cbor:"3,keyasint,omitempty"`
	Audio   bool      `cbor:"4,keyasint,omitempty"` // session.SampleAccess
	Video   bool      `cbor:"5,keyasint,omitempty"`
	Token   string    `cbor:"6,keyasint,omitempty"` // of what is to be released
	// Of says which live stream of that name it is: see WatchAnswer. Version 2; 0: not said.
	Of uint64 `cbor:"7,keyasint,omitempty"`
}

// FileBody is a recorded file that an origin holds open.
type FileBody struct {
	// Key is what the file is known by in its instance: bytes of one key are the same for
	// ever, and of a file that is still written there are more later. Another file, or one
	// that was written over, has another key.
	Key        string  `cbor:"1,keyasint"`
	Size       int64   `cbor:"2,keyasint"`
	OnMetaData []byte  `cbor:"4,keyasint,omitempty"`
	Rate       float64 `cbor:"5,keyasint,omitempty"`
	// Indexed says that the origin answers KindIndex about it.
	Indexed bool `cbor:"6,keyasint,omitempty"`
}

// TokenBody names what was given.
type TokenBody struct {
	Token string `cbor:"1,keyasint"`
}

// LengthBody is session.LengthRequest.
type LengthBody struct {
	Name string `cbor:"1,keyasint"`
	Key  string `cbor:"2,keyasint,omitempty"`
}

// LengthAnswer is session.LengthAnswer.
type LengthAnswer struct {
	Refusal *Refusal      `cbor:"1,keyasint,omitempty"`
	Length  time.Duration `cbor:"2,keyasint,omitempty"` // ns
}

// RefusedBody is what the edge itself has refused.
type RefusedBody struct {
	Request PublishBody `cbor:"1,keyasint"`
	Refusal *Refusal    `cbor:"2,keyasint"`
}

// SharedObjectBody is session.SharedObjectRequest: the message as the client has sent it.
type SharedObjectBody struct {
	Message []byte `cbor:"1,keyasint"` // of type 19
	Flex    bool   `cbor:"2,keyasint,omitempty"`
	AMF3    bool   `cbor:"3,keyasint,omitempty"`
}

// UpdateBody is sharedobject.Update.
type UpdateBody struct {
	Payload []byte `cbor:"1,keyasint"`
	Flex    bool   `cbor:"2,keyasint,omitempty"`
	Waits   bool   `cbor:"3,keyasint,omitempty"` // the origin waits for Room before it sends more
}

// RoomBody is how many bytes of updates a client has taken, of those that were to wait.
type RoomBody struct {
	Bytes int `cbor:"1,keyasint"`
}

// StateBody is what KindState has: Live says that a publication begins, and Changed that
// Stored is what new players get first from now on.
type StateBody struct {
	Live    bool     `cbor:"1,keyasint,omitempty"`
	Changed bool     `cbor:"2,keyasint,omitempty"`
	Stored  []Stored `cbor:"3,keyasint,omitempty"`
	// Ready says that what a player of the stream begins with has been sent, and Lagged
	// that something has not: what follows does not go on from what came before. Both
	// are of version 2.
	Ready  bool `cbor:"4,keyasint,omitempty"`
	Lagged bool `cbor:"5,keyasint,omitempty"`
}

// Stored is stream.Stored.
type Stored struct {
	Handler string `cbor:"1,keyasint"`
	Payload []byte `cbor:"2,keyasint"`
}

// ClearedBody is the answer to KindClear.
type ClearedBody struct {
	Cleared bool `cbor:"1,keyasint,omitempty"`
}

// InvokeBody is session.Invocation.
type InvokeBody struct {
	Method string `cbor:"1,keyasint"`
	Args   []byte `cbor:"2,keyasint,omitempty"` // as they stand in a message
	AMF3   bool   `cbor:"3,keyasint,omitempty"`
}

// AnsweredBody is session.Answer.
type AnsweredBody struct {
	Value []byte `cbor:"1,keyasint,omitempty"` // AMF0
	Error bool   `cbor:"2,keyasint,omitempty"`
}

// TrafficBody is session.Traffic of one client.
type TrafficBody struct {
	Client      uint64        `cbor:"1,keyasint"`
	In          uint64        `cbor:"2,keyasint"`
	Out         uint64        `cbor:"3,keyasint"`
	MessagesIn  uint64        `cbor:"4,keyasint"`
	MessagesOut uint64        `cbor:"5,keyasint"`
	RoundTrip   time.Duration `cbor:"6,keyasint,omitempty"` // ns
	Dropped     Tally         `cbor:"7,keyasint,omitzero"`
	Waiting     Tally         `cbor:"8,keyasint,omitzero"`
	Objects     int           `cbor:"9,keyasint,omitempty"` // that wait to be told
}

// Tally is rtmp.Tally.
type Tally struct {
	Audio      uint64 `cbor:"1,keyasint,omitempty"`
	Video      uint64 `cbor:"2,keyasint,omitempty"`
	Data       uint64 `cbor:"3,keyasint,omitempty"`
	AudioBytes uint64 `cbor:"4,keyasint,omitempty"`
	VideoBytes uint64 `cbor:"5,keyasint,omitempty"`
}

// Event is what a question is told later.
type Event byte

// The callbacks of PublishRequest and PlayRequest.
const (
	RecordingEnded Event = iota + 1
	RecordingBegan
	TakenOver
	NobodyCame
	Lost // version 3
	// Interrupted and Resumed are told by an origin that is an edge itself. One that is older
	// does not know them, and drops them.
	Interrupted
	Resumed
	KeyframeWanted // as those two
)

// HappenedBody is an Event.
type HappenedBody struct {
	Event   Event    `cbor:"1,keyasint"`
	Refusal *Refusal `cbor:"2,keyasint,omitempty"`
	Gap     Gap      `cbor:"3,keyasint,omitzero"` // of Resumed
}

// Gap is session.Gap.
type Gap struct {
	Messages uint64        `cbor:"1,keyasint,omitempty"`
	Lasts    time.Duration `cbor:"2,keyasint,omitempty"` // ns
}

// EndBody is how a publication has ended: Reason is why its recording is not whole, and
// Taken that another has its name.
type EndBody struct {
	Reason string   `cbor:"1,keyasint,omitempty"`
	Taken  *Refusal `cbor:"2,keyasint,omitempty"`
}

// BandwidthBody is in bytes a second; 0: any.
type BandwidthBody struct {
	ToClient int64 `cbor:"1,keyasint,omitempty"`
	ToServer int64 `cbor:"2,keyasint,omitempty"`
}

// ReasonBody is a text for people.
type ReasonBody struct {
	Reason string `cbor:"1,keyasint,omitempty"`
}
