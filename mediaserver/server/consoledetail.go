package server

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/instance"
	"flashpod.dev/flashpod/mediaserver/probe"
	"flashpod.dev/flashpod/mediaserver/web/console"
)

const (
	// maxShown is how many of each kind the console is shown of an instance.
	maxShown = 200
	// maxDone is how many streams are named that a client publishes or plays.
	maxDone = 8
	// maxShownSlots and maxShownBytes bound what is shown of a shared object, encoded or
	// as JSON; maxDecoded what one slot may grow to meanwhile.
	maxShownSlots = 256
	maxShownBytes = 128 << 10
	maxDecoded    = 256 << 10
)

// Detail implements console.Source.
func (c consoleSource) Detail(ctx context.Context, application, name string) (d console.Detail, ok bool) {
	i := c.s.running(application, name)
	if i == nil {
		return d, false
	}
	d = console.Detail{Streams: []console.Stream{}, Clients: []console.Client{}, Objects: []console.SharedObject{}}
	streams, _ := i.Streams("", maxShown)
	clients, _ := i.Clients("", maxShown)
	var names, ids, unmeasured []string
	for _, s := range streams {
		if live := i.Live(s.Name); live != nil && s.Live {
			names = append(names, s.Name)
			is := describe(s.Name, c.s.probe.Stream(ctx, live))
			is.Viewers = s.Players // those by HTTP, too
			d.Streams = append(d.Streams, is)
		}
	}
	for _, one := range clients {
		ids = append(ids, one.ID)
		if one.RoundTrip == 0 { // who sends all the time is not asked otherwise
			unmeasured = append(unmeasured, one.ID)
		}
		does := ""
		if one.Stream != "" {
			does = "watches " + one.Stream + " by " + one.Way
		}
		d.Clients = append(d.Clients, console.Client{
			Does: does, ID: one.ID, Address: one.Address, Agent: one.Agent, Since: one.Since.UnixMilli(), Ping: milliseconds(one.RoundTrip),
			Totals: console.Totals{In: one.BytesIn, Out: one.BytesOut},
		})
	}
	i.PingAll(unmeasured)
	uses, err := i.Uses(ctx, names, ids)
	if err != nil {
		return d, true // the owner has no time now: the next look is soon
	}
	tellUses(&d, uses)
	objects, _, err := i.Objects(ctx, instance.ObjectInfo{}, maxShown)
	if err != nil {
		return d, true
	}
	for _, o := range objects {
		d.Objects = append(d.Objects, console.SharedObject{
			Key: console.ObjectKey(o.Name, o.Persistent), Name: o.Name, Persistent: o.Persistent,
			Version: o.Version, Slots: o.Slots, Bytes: o.Bytes, Users: o.Users,
		})
	}
	return d, true
}

// tellUses says of streams who publishes them, and of clients what they do.
func tellUses(d *console.Detail, uses instance.Uses) {
	publishes := map[string][]string{}
	for n := range d.Streams {
		one := &d.Streams[n]
		one.Publisher, one.Recording = uses.Publisher[one.Name], uses.Recorded[one.Name]
		if one.Publisher != "" {
			publishes[one.Publisher] = append(publishes[one.Publisher], one.Name)
		}
	}
	list := func(verb string, names []string) string {
		if len(names) == 0 {
			return ""
		}
		slices.Sort(names)
		if len(names) > maxDone {
			names = append(names[:maxDone:maxDone], "…")
		}
		return verb + " " + strings.Join(names, ", ")
	}
	for n := range d.Clients {
		one := &d.Clients[n]
		does := []string{list("publishes", publishes[one.ID]), list("plays", uses.Plays[one.ID])}
		if all := slices.DeleteFunc(does, func(s string) bool { return s == "" }); len(all) > 0 {
			one.Does = strings.Join(all, "; ")
		}
	}
}

// Object implements console.Source.
func (c consoleSource) Object(ctx context.Context, application, name, key string, known uint32) *console.Object {
	i := c.s.running(application, name)
	object, persistent, ok := console.ParseObjectKey(key)
	if i == nil || !ok {
		return nil
	}
	of, slots, ok, err := i.Slots(ctx, object, persistent, known, maxShownSlots, maxShownBytes)
	if err != nil {
		return &console.Object{Key: key, Name: object, Version: known} // it may be as it was: it is asked again
	}
	if !ok {
		return nil
	}
	o := &console.Object{Key: key, Name: object, Version: of.Version}
	if of.Version == known {
		return o
	}
	o.Slots = map[string]json.RawMessage{}
	left := maxShownBytes
	for _, s := range slots {
		if left <= 0 {
			break
		}
		text, ok := slotJSON(s.Value.Raw)
		if left -= len(text) + len(s.Name); ok && left > 0 {
			o.Slots[s.Name] = text
		}
	}
	o.More = of.Slots - len(o.Slots)
	return o
}

// slotJSON is a slot's value as JSON; ok is false where it is too much for a page.
func slotJSON(raw []byte) (text json.RawMessage, ok bool) {
	values, _, err := amf.DecodeWithin(raw, maxDecoded)
	if err != nil || len(values) == 0 {
		return nil, false
	}
	text, err = json.Marshal(amf.Plain(values[0]))
	return text, err == nil && len(text) <= maxShownBytes/4
}

// describe is a live stream as the console shows it.
func describe(name string, s probe.Stream) console.Stream {
	is := console.Stream{
		Name: name, Since: unixMilli(s.Since), Keyframes: s.Keyframes.Seconds(),
		Bytes: s.Bytes, Frames: s.Pictures, Newest: time.Duration(s.Newest) * time.Millisecond, Arrived: s.Arrived,
	}
	if v := s.Video; v != nil {
		is.Video = &console.Video{Codec: v.Codec, Width: v.Width, Height: v.Height}
	}
	if a := s.Audio; a != nil {
		is.Audio = &console.Audio{Codec: a.Codec, Rate: a.Rate, Channels: a.Channels}
	}
	return is
}

// milliseconds are those of a time, to a tenth: what was measured is not 0.
func milliseconds(d time.Duration) float64 {
	const tenth = time.Millisecond / 10
	return float64((d+tenth-1)/tenth) / 10
}

// unixMilli is a time as pages have it; 0 is none.
func unixMilli(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}
