package logs

import (
	"encoding"
	"fmt"
	"log/slog"
	"reflect"
	"strconv"
	"time"
)

// cleanAttr is an attribute that is made of words, numbers and times of bounded
// length alone: nothing of it calls back when it is written.
func cleanAttr(a slog.Attr) slog.Attr {
	return slog.Attr{Key: a.Key, Value: cleanValue(a.Value)}
}

func cleanAttrs(all []slog.Attr) []slog.Attr {
	clean := make([]slog.Attr, len(all))
	for i, a := range all {
		clean[i] = cleanAttr(a)
	}
	return clean
}

func cleanValue(v slog.Value) slog.Value {
	v = v.Resolve()
	switch v.Kind() {
	case slog.KindString:
		return slog.StringValue(Clean(v.String(), MaxValue))
	case slog.KindGroup:
		return slog.GroupValue(cleanAttrs(v.Group())...)
	case slog.KindAny:
		return cleanAny(v.Any())
	default:
		return v
	}
}

// cleanAny is a value of some type, as it says itself that it is written. A nil
// pointer that cannot say it takes nothing down.
func cleanAny(v any) (clean slog.Value) {
	defer func() {
		if r := recover(); r != nil {
			clean = slog.StringValue(Clean(fmt.Sprintf("!PANIC: %v", r), MaxValue))
		}
	}()
	word := func(s string) slog.Value { return slog.StringValue(Clean(s, MaxValue)) }
	switch v := v.(type) {
	case nil, *slog.Source:
		return slog.AnyValue(v)
	case error:
		return word(v.Error())
	case encoding.TextMarshaler:
		b, err := v.MarshalText()
		if err != nil {
			return word("!ERROR: " + err.Error())
		}
		return word(string(b))
	case fmt.Stringer:
		return word(v.String())
	case []byte:
		return word(string(v[:min(len(v), 4*MaxValue)]))
	case []string:
		return slog.AnyValue(cleanList(v))
	}
	return word(string(appendValue(nil, reflect.ValueOf(v), maxDepth)))
}

// cleanList is a list that has, altogether, no more characters than a value may
// have.
func cleanList(all []string) []string {
	clean, left := []string{}, MaxValue
	for _, s := range all {
		if left < 2 {
			return append(clean, "…")
		}
		s = Clean(s, left-1)
		clean = append(clean, s)
		left -= len([]rune(s)) + 1
	}
	return clean
}

// maxDepth is how far a value is followed into what it holds.
const maxDepth = 4

// appendValue writes a value whose type has no say in that, as %v does, and no
// more of it than the log shows.
func appendValue(b []byte, v reflect.Value, depth int) []byte {
	if len(b) > 4*MaxValue {
		return b
	}
	switch v.Kind() {
	case reflect.String:
		return append(b, clip(v.String(), 4*MaxValue)...)
	case reflect.Bool:
		return strconv.AppendBool(b, v.Bool())
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		if v.Type() == reflect.TypeFor[time.Duration]() {
			return append(b, time.Duration(v.Int()).String()...)
		}
		return strconv.AppendInt(b, v.Int(), 10)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return strconv.AppendUint(b, v.Uint(), 10)
	case reflect.Float32, reflect.Float64:
		return strconv.AppendFloat(b, v.Float(), 'g', -1, 64)
	case reflect.Slice, reflect.Array, reflect.Map, reflect.Struct, reflect.Pointer, reflect.Interface:
		if depth > 0 {
			return appendParts(b, v, depth-1)
		}
	}
	return append(b, v.Type().String()...)
}

func appendParts(b []byte, v reflect.Value, depth int) []byte {
	if (v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface) && v.IsNil() {
		return append(b, "<nil>"...)
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		return appendValue(b, v.Elem(), depth)
	case reflect.Map:
		b = append(b, "map["...)
		for each := v.MapRange(); len(b) <= 4*MaxValue && each.Next(); b = append(b, ' ') {
			b = append(appendValue(b, each.Key(), depth), ':')
			b = appendValue(b, each.Value(), depth)
		}
		return append(b, ']')
	case reflect.Struct:
		b = append(b, '{')
		for i := 0; len(b) <= 4*MaxValue && i < v.NumField(); i++ {
			b = append(append(b, v.Type().Field(i).Name...), ':')
			b = append(appendValue(b, v.Field(i), depth), ' ')
		}
		return append(b, '}')
	}
	b = append(b, '[')
	for i := 0; len(b) <= 4*MaxValue && i < v.Len(); i++ {
		b = append(appendValue(b, v.Index(i), depth), ' ')
	}
	return append(b, ']')
}
