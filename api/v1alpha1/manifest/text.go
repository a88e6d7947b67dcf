package manifest

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	"sigs.k8s.io/json"

	"flashpod.dev/flashpod/api/v1alpha1"
)

// Quantities and durations are text, which only the decoder of their types
// looks into; and it tells neither the field nor what would be right. So they
// are held to the schema's rules before.

const (
	maxQuantity = 32
	maxDuration = 64
)

// durationPattern leaves out what Go takes beyond what the schema takes: signs,
// and numbers without a digit before the point.
var durationPattern = regexp.MustCompile(`^(0|([0-9]+([.][0-9]+)?(ns|us|µs|μs|ms|s|m|h))+)$`)

// checkText says of the first quantity or duration that is none where it is
// and what belongs there.
func checkText(raw []byte) error {
	var doc map[string]any
	if err := json.UnmarshalCaseSensitivePreserveInts(raw, &doc); err != nil {
		return nil // the decoder says it better
	}
	for _, field := range [][]string{{"spec", "storage", "size"}, {"spec", "recording", "maxTotalSize"}, {"spec", "limits", "maxSharedObjectsTotalSize"}, {"spec", "edges", "cache", "size"}} {
		if size, ok := at(doc, field...); ok && !isQuantity(size) {
			return fmt.Errorf("%s: %s: must be a quantity: a number, with a unit or without, such as 10Gi or 10G (not 10GB or 10GiB)", strings.Join(field, "."), quote(size))
		}
	}
	if size, ok := at(doc, "spec", "script", "limits", "memory"); ok && !isQuantity(size) {
		return fmt.Errorf("spec.script.limits.memory: %s: must be a quantity: a number, with a unit or without, such as 64Mi or 64M (not 64MB or 64MiB)", quote(size))
	}
	for _, list := range []string{"limits", "requests"} {
		value, _ := at(doc, "spec", "resources", list)
		all, _ := value.(map[string]any)
		for _, name := range slices.Sorted(maps.Keys(all)) {
			if !isQuantity(all[name]) {
				return fmt.Errorf("spec.resources.%s[%s]: %s: must be a quantity of 0 or more: a number, with a unit or without, such as 500m, 2, 512Mi or 1G (not 1GB or 1GiB)", list, name, quote(all[name]))
			}
		}
	}
	if d, ok := at(doc, "spec", "idle", "unloadAfter"); ok && (!isDuration(d) || d == "0") {
		return fmt.Errorf("spec.idle.unloadAfter: %s: must be a time of more than 0 in hours, minutes and seconds, such as 20m, 1h30m or 30s; a day is 24h", quote(d))
	}
	if d, ok := at(doc, "spec", "idle", "suspendAfter"); ok && (!isDuration(d) || d == "0") {
		return fmt.Errorf("spec.idle.suspendAfter: %s: must be a time of 10s or more in hours, minutes and seconds, such as 30m, 1h30m or 45s; a day is 24h", quote(d))
	}
	if d, ok := at(doc, "spec", "wake", "timeout"); ok && (!isDuration(d) || d == "0") {
		return fmt.Errorf("spec.wake.timeout: %s: must be a time of 1s to 1m, such as 20s", quote(d))
	}
	if d, ok := at(doc, "spec", "script", "limits", "callTimeout"); ok && (!isDuration(d) || d == "0") {
		return fmt.Errorf("spec.script.limits.callTimeout: %s: must be a time of 10ms to 1m, such as 1s or 500ms", quote(d))
	}
	for _, of := range [][2]string{{"segmentDuration", v1alpha1.SegmentDurationRule}, {"partDuration", v1alpha1.PartDurationRule}, {"window", v1alpha1.WindowRule}} {
		if d, ok := at(doc, "spec", "web", "hls", of[0]); ok && (!isDuration(d) || d == "0") {
			return fmt.Errorf("spec.web.hls.%s: %s: %s", of[0], quote(d), of[1])
		}
	}
	if d, ok := at(doc, "spec", "access", "publish", "previousKeyFor"); ok && !isDuration(d) {
		return fmt.Errorf("spec.access.publish.previousKeyFor: %s: must be a time of 0 or more in hours, minutes and seconds, such as 1h, 1h30m or 0s; a day is 24h", quote(d))
	}
	return nil
}

// at follows keys into a document; what is null is not there.
func at(doc map[string]any, path ...string) (any, bool) {
	var value any = doc
	for _, key := range path {
		object, ok := value.(map[string]any)
		if !ok {
			return nil, false
		}
		value = object[key]
	}
	return value, value != nil
}

// isQuantity allows text and whole numbers, as the schema does.
func isQuantity(value any) bool {
	switch v := value.(type) {
	case string:
		_, err := resource.ParseQuantity(v)
		return err == nil && len(v) <= maxQuantity
	case int64:
		return true
	}
	return false
}

func isDuration(value any) bool {
	text, ok := value.(string)
	if !ok || len(text) > maxDuration || !durationPattern.MatchString(text) {
		return false
	}
	_, err := time.ParseDuration(text)
	return err == nil
}

// quote shows a value as JSON does: text that looks like a number in quotes.
func quote(value any) string {
	if text, ok := value.(string); ok {
		return fmt.Sprintf("%q", text)
	}
	return fmt.Sprint(value)
}
