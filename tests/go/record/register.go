package main

import "encoding/hex"

const hour, day = 3600 * 1000, 24 * 3600 * 1000 // in milliseconds

type heldKey struct {
	public         []byte
	owner          string
	added, revoked int64 // revoked: -1 if not
	by             keyID // which added it
}

func (one *heldKey) countsAt(at int64) bool {
	return one.added < at && (one.revoked < 0 || at < one.revoked)
}

type member struct {
	kind      string
	roles     []string
	suspended int64 // since which entry; -1 if not
}

func (one *member) has(roles ...string) bool { return len(common(one.roles, roles)) > 0 }

type request struct {
	by       string
	received int64
	said     *statement
	approved []string
}

type incident struct {
	audience         string
	opened, ends     int64 // opened: -1 if not
	closed, declined bool
	log              []int64
}

func (one *incident) openAt(now int64) bool {
	return one != nil && one.opened >= 0 && !one.closed && now < one.ends*1000
}

// A register is what all entries say together.
type register struct {
	origin    string
	members   map[string]*member
	keys      map[keyID]*heldKey
	positions map[string]position
	groups    map[string][]string
	rules     *statement
	waiting   map[int64]*request
	incidents map[string]*incident
	erased    map[int64]bool
	leaves    []leaf // nil where malformed
}

func newRegister(origin string) *register {
	standard := map[string]any{}
	rules.filled(standard)
	return &register{
		origin: origin, members: map[string]*member{}, keys: map[keyID]*heldKey{},
		positions: map[string]position{}, groups: map[string][]string{}, rules: &statement{4, standard},
		waiting: map[int64]*request{}, incidents: map[string]*incident{}, erased: map[int64]bool{},
	}
}

// take judges the next entry, lets it change the register, and gives its code: "" if it counts.
func (all *register) take(raw, content []byte) string {
	at := int64(len(all.leaves))
	one, err := parseLeaf(raw)
	all.leaves = append(all.leaves, one)
	if err != nil {
		return "malformed"
	}
	said, code := all.barred(at, one, content)
	switch code {
	case "unknown_key", "bad_signature", "unfounded", "revoked_key":
		return code
	case "":
		if said != nil {
			all.apply(at, one, said)
		}
	}
	issuer := all.keys[one.keyID()].owner
	if all.follows(one, issuer) {
		all.positions[issuer] = position{one.sequence(), one.digest(all.origin)}
	}
	return code
}

func (all *register) follows(one leaf, issuer string) bool {
	before := all.positions[issuer]
	return one.sequence() == before.sequence+1 && one.previous() == before.digest
}

// owner gives the type of an earlier entry and the member that owns its key.
func (all *register) owner(of, before int64) (kind byte, member string) {
	if of < 0 || of >= before || all.leaves[of] == nil {
		return 0, ""
	}
	if held := all.keys[all.leaves[of].keyID()]; held != nil {
		member = held.owner
	}
	return all.leaves[of].kind(), member
}

// reads says whether a member that may speak reads what is addressed to an audience.
func (all *register) reads(member, audience string) bool {
	return audience == "public" || audience == "members" || has(all.groups[audience], member)
}

// around gives a member's roles before and after a change of it; who is suspended has none.
func (all *register) around(said *statement) (before, after []string) {
	known := all.members[said.text("member")]
	if known != nil {
		before, after = known.roles, known.roles
	}
	switch said.text("action") {
	case "join", "role":
		after = said.names("roles")
	case "suspend", "leave":
		after = nil
	case "reinstate":
		if known != nil && known.suspended >= 0 {
			before = nil
		}
	}
	return before, after
}

// approvals says how many stewards agree to a change of a member before it is true.
func (all *register) approvals(said *statement) (needed int64) {
	before, after := all.around(said)
	if said.text("action") == "suspend" || said.text("action") == "leave" || len(without(before, after)) > 0 {
		needed = all.rules.number("suspend_approvals")
	}
	guarded := gives(before, after) || has(without(before, after), "steward")
	for _, one := range all.members {
		if guarded && needed == 0 && one.suspended < 0 && one.has("steward") {
			needed = 1
		}
	}
	return needed
}

func gives(before, after []string) bool {
	return len(common(without(after, before), []string{"steward", "coordinator"})) > 0
}

func has(all []string, one string) bool { return len(common(all, []string{one})) > 0 }

func common(some, others []string) (both []string) {
	for _, one := range some {
		for _, other := range others {
			if one == other {
				both = append(both, one)
			}
		}
	}
	return both
}

func without(some, others []string) (left []string) {
	for _, one := range some {
		if !has(others, one) {
			left = append(left, one)
		}
	}
	return left
}

// apply lets an entry that counts change the register.
func (all *register) apply(at int64, one leaf, said *statement) {
	asks := false
	switch said.kind {
	case 1:
		if asks = all.approvals(said) > 0; !asks {
			all.change(at, said)
		}
	case 2:
		all.applyKey(at, one, said)
	case 3:
		all.groups[said.text("audience")] = said.names("members")
		if len(said.names("members")) == 0 {
			delete(all.groups, said.text("audience"))
		}
	case 4:
		asks = true
	case 5:
		all.approve(at, one, said)
	case 20:
		all.erased[said.number("of")] = true
	case 32:
		all.applyIncident(at, one, said)
		asks = said.text("action") == "open" || said.text("action") == "extend"
	}
	if asks {
		all.waiting[at] = &request{by: all.keys[one.keyID()].owner, received: one.received(), said: said}
	}
}

func (all *register) change(at int64, said *statement) {
	name := said.text("member")
	switch said.text("action") {
	case "join":
		public, _ := hex.DecodeString(said.text("key"))
		all.members[name] = &member{said.text("kind"), said.names("roles"), -1}
		all.keys[idOf(public)] = &heldKey{public: public, owner: name, added: at, revoked: -1}
		if at == 0 {
			all.keys[idOf(public)].added = -1
		}
	case "role":
		all.members[name].roles = said.names("roles")
	case "suspend", "leave":
		all.members[name].suspended = at
	case "reinstate":
		all.members[name].suspended = -1
	}
}

func (all *register) applyKey(at int64, one leaf, said *statement) {
	public, _ := hex.DecodeString(said.text("key"))
	since := said.number("since")
	if said.text("action") == "add" {
		owner := said.text("member")
		all.keys[idOf(public)] = &heldKey{public, owner, at, -1, one.keyID()}
	} else if since < 0 {
		all.revoke(idOf(public), at)
	} else {
		all.revoke(idOf(public), since)
	}
}

// revoke also revokes, since its adding, each key that the revoked one added from then on.
func (all *register) revoke(id keyID, since int64) {
	held := all.keys[id]
	if held.revoked < 0 || since < held.revoked {
		held.revoked = since
	}
	for other, one := range all.keys {
		if one.by == id && one.added >= held.revoked && (one.revoked < 0 || one.revoked > one.added) {
			all.revoke(other, one.added)
		}
	}
}

func (all *register) approve(at int64, one leaf, said *statement) {
	asked := all.waiting[said.number("of")]
	asked.approved = append(asked.approved, all.keys[one.keyID()].owner)
	needed := all.rules.number("incident_approvals")
	switch asked.said.kind {
	case 1:
		needed = all.approvals(asked.said)
	case 4:
		needed = all.rules.number("rule_approvals")
	}
	if int64(len(asked.approved)) < needed {
		return
	}
	delete(all.waiting, said.number("of"))
	switch asked.said.kind {
	case 1:
		all.change(at, asked.said)
	case 4:
		all.rules = &statement{4, asked.said.said["rules"].(map[string]any)}
	case 32:
		about := all.incidents[asked.said.text("incident")]
		if about.opened < 0 {
			about.opened = one.received() / 1000
		}
		about.ends, about.log = asked.said.number("ends_at"), append(about.log, at)
	}
}

func (all *register) applyIncident(at int64, one leaf, said *statement) {
	name, action, ends := said.text("incident"), said.text("action"), said.number("ends_at")
	if ends < 0 {
		ends = one.received() / 1000
	}
	if action == "open" || action == "decline" {
		all.incidents[name] = &incident{
			audience: said.text("audience"), opened: -1, ends: ends, declined: action == "decline",
		}
	}
	about := all.incidents[name]
	about.closed, about.log = about.closed || action == "close", append(about.log, at)
}
