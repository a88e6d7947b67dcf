package plan

import (
	"errors"
	"fmt"
)

// Inputs are all that a plan is made of.
type Inputs struct {
	Viewers  int      `json:"viewers"`
	Hours    float64  `json:"hours"` // that the event lasts
	Stream   Stream   `json:"stream"`
	Arrivals Arrivals `json:"arrivals"`
	Machine  Machine  `json:"machine"`
	Headroom float64  `json:"headroom"` // the share of a core, of memory and of a network that is planned with
	Costs    Costs    `json:"costs"`
	Prices   Prices   `json:"prices"`
}

// Stream is what everybody watches.
type Stream struct {
	Mbit     float64 `json:"mbit"`     // a second
	Keyframe float64 `json:"keyframe"` // seconds from one to the next
}

// Arrivals are how the viewers come: Share of all of them evenly within Seconds before the
// beginning, the rest evenly within the hour before that.
type Arrivals struct {
	Share   float64 `json:"share"`
	Seconds float64 `json:"seconds"`
}

// Machine is what an edge has, and the origin.
type Machine struct {
	Cores    float64 `json:"cores"`
	MemoryGB float64 `json:"memoryGB"`
	Gbit     float64 `json:"gbit"`  // a second, that it can send for hours
	Edges    float64 `json:"edges"` // processes on it
}

// Costs are what was measured of one server on one core.
type Costs struct {
	PlayerMB         float64 `json:"playerMB"`         // µs of CPU per MB sent to players
	PlayerKB         float64 `json:"playerKB"`         // memory of an edge a player
	BaseMB           float64 `json:"baseMB"`           // memory of a server without players
	EdgeConnects     float64 `json:"edgeConnects"`     // new players a second of an edge's core
	OriginConnects   float64 `json:"originConnects"`   // the same of the origin's core, behind edges
	FeedMbit         float64 `json:"feedMbit"`         // µs of CPU a second to feed an edge 1 Mbit/s, at the end that sends
	TakeMbit         float64 `json:"takeMbit"`         // at the end that takes it
	IngestMbit       float64 `json:"ingestMbit"`       // µs a second to take 1 Mbit/s of a publisher
	OriginClientCPU  float64 `json:"originClientCPU"`  // µs a second of the origin for a client of an edge that plays
	OriginClientKB   float64 `json:"originClientKB"`   // memory of the origin for it
	OriginOwnerCores float64 `json:"originOwnerCores"` // that one instance's owner can use: it is one goroutine
}

// Prices are in a currency of the reader's own.
type Prices struct {
	MachineHour float64 `json:"machineHour"`
	EgressGB    float64 `json:"egressGB"`
}

// Check says what a plan cannot be made of.
func (in *Inputs) Check() error {
	for _, one := range []struct {
		what  string
		value float64
	}{
		{"viewers", float64(in.Viewers)}, {"hours", in.Hours}, {"stream.mbit", in.Stream.Mbit}, {"stream.keyframe", in.Stream.Keyframe},
		{"arrivals.seconds", in.Arrivals.Seconds}, {"machine.cores", in.Machine.Cores}, {"machine.memoryGB", in.Machine.MemoryGB},
		{"machine.gbit", in.Machine.Gbit}, {"machine.edges", in.Machine.Edges}, {"headroom", in.Headroom}, {"costs.playerMB", in.Costs.PlayerMB},
		{"costs.edgeConnects", in.Costs.EdgeConnects}, {"costs.originConnects", in.Costs.OriginConnects},
		{"costs.originOwnerCores", in.Costs.OriginOwnerCores},
	} {
		if one.value <= 0 {
			return fmt.Errorf("%s is %v, and must be above 0", one.what, one.value)
		}
	}
	if in.Headroom > 1 {
		return errors.New("headroom is a share: 1 at most")
	}
	if in.Arrivals.Share < 0 || in.Arrivals.Share > 1 {
		return errors.New("arrivals.share is a share: 0 to 1")
	}
	return nil
}
