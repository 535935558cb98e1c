package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

const most = 1<<53 - 1

// decode reads a payload in the form of RFC 8785: only that one encodes to the same bytes again.
// Go writes numbers as they were, and some characters otherwise: those no check lets pass.
func decode(raw []byte) (value any, err error) {
	reader := json.NewDecoder(bytes.NewReader(raw))
	reader.UseNumber()
	if err = reader.Decode(&value); err != nil {
		return nil, err
	}
	var again bytes.Buffer
	writer := json.NewEncoder(&again)
	writer.SetEscapeHTML(false)
	if err = writer.Encode(value); err == nil && again.String() != string(raw)+"\n" || len(raw) > 32768 {
		err = fmt.Errorf("not canonical")
	}
	return value, err
}

// A check says whether a value is of its kind.
type check func(any) bool

func text(most int, line, empty bool) check {
	return func(value any) bool {
		text, ok := value.(string)
		bad := func(c rune) bool {
			return c < 0x20 && (line || c != '\n') || c >= 0x7f && c <= 0x9f ||
				c >= 0x2028 && c <= 0x202e || c >= 0x2066 && c <= 0x2069
		}
		return ok && utf8.RuneCountInString(text) <= most && strings.IndexFunc(text, bad) < 0 &&
			(empty || text != "")
	}
}

func form(pattern string) check {
	compiled := regexp.MustCompile(`\A(?:` + pattern + `)\z`)
	return func(value any) bool {
		text, ok := value.(string)
		return ok && compiled.MatchString(text)
	}
}

func words(all string) check { return form(strings.ReplaceAll(regexp.QuoteMeta(all), " ", "|")) }

func number(from, to int64) check {
	return func(value any) bool {
		number, _ := value.(json.Number)
		n, err := number.Int64()
		return err == nil && n >= from && n <= to && number.String() == fmt.Sprint(n)
	}
}

func list(least, most int, of check) check {
	return func(value any) bool {
		all, ok := value.([]any)
		ok = ok && len(all) >= least && len(all) <= most
		for _, one := range all {
			ok = ok && of(one)
		}
		return ok
	}
}

func orNull(of check) check { return func(value any) bool { return value == nil || of(value) } }

func flag(value any) bool { _, ok := value.(bool); return ok }

func counts(value any) bool {
	all, ok := value.(map[string]any)
	for key, one := range all {
		ok = ok && name(key) && number(0, most)(one)
	}
	return ok
}

// An optional field has a default.
type optional struct {
	check check
	value any
}

// fields are those of an object: a check if required, else an optional.
type fields map[string]any

// filled checks an object and fills the defaults in.
func (all fields) filled(value any) bool {
	object, ok := value.(map[string]any)
	if !ok {
		return false
	}
	for key := range object {
		if _, known := all[key]; !known {
			return false
		}
	}
	for key, of := range all {
		got, there := object[key]
		switch of := of.(type) {
		case check:
			ok = ok && there && of(got)
		case optional:
			if !there {
				object[key] = of.value
			}
			ok = ok && (!there || of.check(got))
		}
	}
	return ok
}

var (
	name      = form(`[a-z0-9][a-z0-9-]{0,62}`)
	line      = text(300, true, true)
	free      = text(2000, false, true)
	reason    = text(2000, false, false)
	index     = number(0, most)
	moment    = number(0, 253402300799)
	territory = form(`[A-Z]{2}`)
	key       = form(`[0-9a-f]{64}`)
	person    = optional{form(`[A-Za-z0-9_-]{0,32}`), ""}
	public    = optional{words("public"), "public"}
	members   = optional{name, "members"}
	comment   = optional{free, ""}
	nowhere   = optional{list(0, 250, territory), []any{}}
	no        = optional{check(flag), false}
	kinds     = words("platform authority access_provider civil_society operator auditor witness")
	roles     = words("reader contributor reviewer coordinator steward auditor operator")
)

func rule(from, to int64, otherwise string) optional {
	return optional{number(from, to), json.Number(otherwise)}
}

var rules = fields{
	"incident_approvals": rule(1, 10, "1"), "rule_approvals": rule(1, 10, "1"),
	"suspend_approvals": rule(0, 10, "0"), "max_ttl_days": rule(1, 3650, "365"),
	"incident_hours": rule(1, 720, "72"), "incident_ttl_hours": rule(1, 720, "72"),
	"asserts_per_day": rule(1, 10_000_000, "10000"), "flood_reports": rule(1, 1000, "3"),
}

var signal = fields{
	"type": words("pdq sha256 sha1 md5 url"), "value": text(2048, true, false),
	"quality": optional{orNull(number(0, 100)), nil},
}

var basis = fields{"kind": words("law designation terms"), "reference": line}

// schema has the fields of each type but `type`.
var schema = map[byte]fields{
	1: {
		"audience": public, "action": words("join role suspend reinstate leave"), "member": name,
		"kind": optional{orNull(kinds), nil}, "name": optional{line, ""},
		"jurisdiction": optional{form(`([A-Z]{2})?`), ""}, "roles": optional{list(0, 7, roles), []any{}},
		"key": optional{orNull(key), nil}, "reason": comment,
	},
	2: {
		"audience": public, "action": words("add revoke"), "member": name, "key": key,
		"since": optional{orNull(index), nil}, "reason": comment,
	},
	3: {"audience": check(name), "members": list(0, 1000, name)},
	4: {"audience": public, "rules": check(rules.filled), "reason": reason},
	5: {"audience": members, "of": index, "reason": comment, "person": person},
	16: {
		"audience": members, "list": optional{words("block allow"), "block"},
		"signals": list(1, 100, signal.filled), "labels": optional{list(0, 20, line), []any{}},
		"vocabulary": rule(1, most, "1"), "severity": rule(0, 3, "1"),
		"basis": check(basis.filled), "territories": nowhere, "expires_at": orNull(moment),
		"tlp":      optional{words("red amber+strict amber green clear"), "amber"},
		"evidence": optional{line, ""}, "own_media": no, "incident": optional{orNull(name), nil},
		"note": comment, "person": person,
	},
	17: {
		"audience": members, "of": index, "opinion": words("confirm dispute saw flood"),
		"reason": comment, "own_media": no, "person": person,
	},
	18: {"audience": members, "of": index, "reason": reason, "person": person},
	19: {"audience": members, "of": index, "by": index, "reason": reason, "person": person},
	20: {
		"audience": public, "of": index, "reason": words("data-protection court-order error security"),
		"authority": optional{line, ""},
	},
	21: {"audience": optional{words("members"), "members"}, "of": index},
	32: {
		"audience": members, "action": words("open extend update close decline"), "incident": name,
		"kind":       optional{orNull(words("perpetrator-content perpetrator-livestream awareness")), nil},
		"vocabulary": rule(1, 1, "1"), "title": optional{line, ""},
		"territories": nowhere, "ends_at": optional{orNull(moment), nil}, "drill": no,
		"reason": reason, "counts": optional{check(counts), map[string]any{}}, "person": person,
	},
}

var numbers = map[string]byte{
	"member": 1, "key": 2, "group": 3, "rule": 4, "approve": 5, "assert": 16, "opinion": 17,
	"retract": 18, "supersede": 19, "erase": 20, "erased": 21, "incident": 32,
}

// A statement is a payload with its defaults filled in.
type statement struct {
	kind byte
	said map[string]any
}

func parse(raw []byte) (*statement, error) {
	value, err := decode(raw)
	if err != nil {
		return nil, err
	}
	said, _ := value.(map[string]any)
	word, _ := said["type"].(string)
	kind, known := numbers[word]
	delete(said, "type")
	if !known || !schema[kind].filled(said) {
		return nil, fmt.Errorf("no statement")
	}
	return &statement{kind, said}, nil
}

func (one *statement) text(field string) string { text, _ := one.said[field].(string); return text }

func (one *statement) number(field string) int64 {
	number, ok := one.said[field].(json.Number)
	if !ok {
		return -1
	}
	value, _ := number.Int64()
	return value
}

func (one *statement) names(field string) (all []string) {
	for _, name := range one.said[field].([]any) {
		all = append(all, name.(string))
	}
	return all
}
