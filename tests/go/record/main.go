// Judges a whole log as docs/spec/exchange-record.md says, and knows nothing of how we do it.
//
//	record judge        entries in order: the code of each, and the register that follows
//	record payloads     the number of each one's type; 0: no statement
//
// Questions come as JSON on stdin, in the form of tests/vectors/exchange-record.
package main

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"sort"
)

type question struct {
	Origin  string
	Entries []struct {
		Leaf             string
		Content, Payload []byte
	}
}

func unhex(text string) []byte {
	raw, err := hex.DecodeString(text)
	if err != nil {
		panic(err)
	}
	return raw
}

func (asked question) judge() any {
	all, judged := newRegister(asked.Origin), []string{}
	for _, one := range asked.Entries {
		code := all.take(unhex(one.Leaf), one.Content)
		if code == "" {
			code = "allowed"
		}
		judged = append(judged, code)
	}
	return map[string]any{"judged": judged, "register": all.summary()}
}

func (asked question) payloads() any {
	kinds := []int{}
	for _, one := range asked.Entries {
		if said, err := parse(one.Payload); err == nil {
			kinds = append(kinds, int(said.kind))
		} else {
			kinds = append(kinds, 0)
		}
	}
	return kinds
}

// sorted gives each name once.
func sorted(names []string) []string {
	set := []string{}
	for n, name := range names {
		if !has(names[:n], name) {
			set = append(set, name)
		}
	}
	sort.Strings(set)
	return set
}

func unless(nothing, value int64) any {
	if value == nothing {
		return nil
	}
	return value
}

// summary has the register in the form of histories.json.
func (all *register) summary() any {
	members, groups := map[string]any{}, map[string]any{}
	positions, incidents := map[string]any{}, map[string]any{}
	for name, one := range all.members {
		keys := map[string]any{}
		for id, held := range all.keys {
			if held.owner == name {
				keys[hex.EncodeToString(id[:])] = []any{held.added, unless(-1, held.revoked)}
			}
		}
		members[name] = map[string]any{
			"kind": one.kind, "roles": sorted(one.roles), "keys": keys,
			"suspended_since": unless(-1, one.suspended),
		}
	}
	for name, one := range all.groups {
		groups[name] = sorted(one)
	}
	for name, one := range all.positions {
		positions[name] = []any{one.sequence, hex.EncodeToString(one.digest[:])}
	}
	for name, one := range all.incidents {
		incidents[name] = map[string]any{
			"opened_at": unless(-1, one.opened), "ends_at": one.ends,
			"closed": one.closed, "declined": one.declined, "log": one.log,
		}
	}
	waiting, erased := []int{}, []int{}
	for at := range all.leaves {
		if all.waiting[int64(at)] != nil {
			waiting = append(waiting, at)
		}
		if all.erased[int64(at)] {
			erased = append(erased, at)
		}
	}
	return map[string]any{
		"size": len(all.leaves), "members": members, "groups": groups, "positions": positions,
		"incidents": incidents, "waiting": waiting, "erased": erased, "rules": all.rules.said,
	}
}

func main() {
	var asked question
	if err := json.NewDecoder(os.Stdin).Decode(&asked); err != nil {
		panic(err)
	}
	answer := asked.judge
	if os.Args[1] == "payloads" {
		answer = asked.payloads
	}
	if err := json.NewEncoder(os.Stdout).Encode(answer()); err != nil {
		panic(err)
	}
}
