package controllers

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"flashpod.dev/flashpod/api/v1alpha1"
)

// Allowed bounds what AppInstances may ask of a pod that its namespace would
// not give them otherwise. Each list holds patterns, in which "*" stands for any
// characters; an empty list allows everything.
type Allowed struct {
	Images, PriorityClasses, PodAnnotations []string
}

// refuse names the fields that are not allowed, with the flag that decides.
func (l Allowed) refuse(a *v1alpha1.AppInstance, media string) (why []string) {
	s := a.Spec.Scheduling
	if s.Image != "" && s.Image != media && !matches(l.Images, s.Image) {
		why = append(why, fmt.Sprintf("spec.image %s is not allowed (--allowed-images)", s.Image))
	}
	if s.PriorityClassName != "" && !matches(l.PriorityClasses, s.PriorityClassName) {
		why = append(why, fmt.Sprintf("spec.priorityClassName %s is not allowed (--allowed-priority-classes)", s.PriorityClassName))
	}
	var keys []string
	for key := range s.PodAnnotations {
		if !matches(l.PodAnnotations, key) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	for _, key := range keys {
		why = append(why, fmt.Sprintf("spec.podAnnotations[%s] is not allowed (--allowed-pod-annotations)", key))
	}
	return why
}

func matches(patterns []string, value string) bool {
	if len(patterns) == 0 {
		return true
	}
	return slices.ContainsFunc(patterns, func(p string) bool {
		whole := "^" + strings.ReplaceAll(regexp.QuoteMeta(p), `\*`, ".*") + "$"
		ok, err := regexp.MatchString(whole, value)
		return ok && err == nil
	})
}
