package v1alpha1

import (
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

const (
	maxEdges  = 1000
	maxEvents = 64
)

// What an edge may keep of recordings: fewer pieces than that are no cache, and more fit
// on no node.
var minCache, maxCache = resource.MustParse("64Mi"), resource.MustParse("64Ti")

func (e *Edges) validate(path *field.Path) field.ErrorList {
	errs := within(path.Child("replicas"), e.Replicas, 0, maxEdges)
	if e.Resources != nil {
		errs = append(errs, resources(path.Child("resources"), e.Resources)...)
	}
	if c := e.Cache; c != nil && c.Size != nil && !c.Size.IsZero() && (c.Size.Cmp(minCache) < 0 || c.Size.Cmp(maxCache) > 0) {
		errs = append(errs, field.Invalid(path.Child("cache", "size"), c.Size.String(),
			"must be 0, for none on a disk, or of 64Mi to 64Ti: Gi, Mi, G and M are units, and m is a thousandth of a byte"))
	}
	if e.Autoscaling != nil {
		errs = append(errs, e.Autoscaling.validate(path.Child("autoscaling"))...)
	}
	return append(errs, e.validateReach(path)...)
}

func (a *EdgesAutoscaling) validate(path *field.Path) field.ErrorList {
	errs := within(path.Child("minReplicas"), a.MinReplicas, 0, maxEdges)
	errs = append(errs, within(path.Child("maxReplicas"), &a.MaxReplicas, 1, maxEdges)...)
	errs = append(errs, within(path.Child("connectionsPerEdge"), &a.ConnectionsPerEdge, 1, 1000000)...)
	errs = append(errs, within(path.Child("megabitsPerEdge"), &a.MegabitsPerEdge, 0, 1000000)...)
	errs = append(errs, within(path.Child("headroomPercent"), a.HeadroomPercent, 0, 1000)...)
	if d := a.MaxRoundTime; d != nil && d.Duration <= 0 {
		errs = append(errs, field.Invalid(path.Child("maxRoundTime"), d.Duration.String(), "must be a time of more than 0, such as 100ms"))
	}
	for _, window := range []struct {
		name string
		d    *metav1.Duration
		such string
	}{{"scaleUpWindow", a.ScaleUpWindow, "30s or 0s"}, {"scaleDownWindow", a.ScaleDownWindow, "5m or 1h30m"}, {"cooldown", a.Cooldown, "1m"}} {
		if d := window.d; d != nil && (d.Duration < 0 || d.Duration > 24*time.Hour) {
			errs = append(errs, field.Invalid(path.Child(window.name), d.Duration.String(),
				"must be a time of 0 to 24h in hours, minutes and seconds, such as "+window.such))
		}
	}
	if a.MinReplicas != nil && *a.MinReplicas > a.MaxReplicas {
		errs = append(errs, field.Invalid(path.Child("minReplicas"), *a.MinReplicas, "must not be more than maxReplicas: lower it, or raise that"))
	}
	events := path.Child("schedule")
	errs = append(errs, tooMany(events, len(a.Schedule), maxEvents)...)
	for i := range a.Schedule {
		errs = append(errs, a.Schedule[i].validate(events.Index(i))...)
		if n := a.Schedule[i].MinReplicas; n > a.MaxReplicas {
			errs = append(errs, field.Invalid(events, n, "must not ask for more edges than maxReplicas: raise that"))
		}
	}
	return errs
}

func (e *EdgesEvent) validate(path *field.Path) field.ErrorList {
	errs := within(path.Child("minReplicas"), &e.MinReplicas, 1, maxEdges)
	errs = append(errs, oneOf(path.Child("repeat"), e.Repeat, RepeatNever, RepeatDaily, RepeatWeekly)...)
	until, long := path.Child("until"), e.Until.Sub(e.From.Time)
	for name, t := range map[string]metav1.Time{"from": e.From, "until": e.Until} {
		if t.IsZero() {
			errs = append(errs, field.Required(path.Child(name), "must not be empty"))
		}
	}
	switch {
	case e.From.IsZero() || e.Until.IsZero():
	case long <= 0:
		errs = append(errs, field.Invalid(until, e.Until.UTC().Format(time.RFC3339), "must be after from"))
	case e.Repeat == RepeatDaily && long > 24*time.Hour:
		errs = append(errs, field.Invalid(until, e.Until.UTC().Format(time.RFC3339), "must be at most a day after from, where repeat is Daily"))
	case e.Repeat == RepeatWeekly && long > 7*24*time.Hour:
		errs = append(errs, field.Invalid(until, e.Until.UTC().Format(time.RFC3339), "must be at most a week after from, where repeat is Weekly"))
	}
	return errs
}

// within holds a number to its bounds, as the schema's minimum and maximum do.
func within(path *field.Path, n *int32, least, most int32) field.ErrorList {
	switch {
	case n == nil:
		return nil
	case *n < least:
		return field.ErrorList{field.Invalid(path, *n, fmt.Sprintf("must be %d or more", least))}
	case *n > most:
		return field.ErrorList{field.Invalid(path, *n, fmt.Sprintf("must be %d or less", most))}
	}
	return nil
}
