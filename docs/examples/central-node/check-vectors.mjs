// Runs central.mjs on tests/vectors/sync.json: node check-vectors.mjs FILE
import assert from 'node:assert/strict'
import { createHash, createPrivateKey } from 'node:crypto'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'

function missing({ code, path: file, message }) { // a line for whoever copied too little, not a stack trace
  const told = { ENOENT: `${file} is missing; README.md says what to copy`, ERR_MODULE_NOT_FOUND: `${message}; run: npm install` }
  console.error(told[code] ?? message)
  process.exit(2)
}

const { answers, canonical, Ledger, open, Refused, seal } = await import('./central.mjs').catch(missing)
let vectors
try {
  vectors = JSON.parse(fs.readFileSync(process.argv[2] ?? '../../sync.json'))
} catch (error) {
  missing(error)
}
const { floor, sector, gates, central, genesis, conversations } = vectors
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'central-'))
// cborg does not tell what is cut off or unsigned from what is otherwise out of form.
const formOnly = code => ['truncated', 'unsigned'].includes(code) ? 'malformed' : code
let [passed, failed] = [0, 0]

function check(name, work) {
  try {
    work()
    passed++
  } catch (error) {
    failed++
    console.error(`${name}: ${error.message}`)
  }
}

function bytes(told) { // hex, or pieces of hex, each with how often it stands there
  const pieces = typeof told === 'string' ? [[told, 1]] : told
  return Buffer.from(pieces.map(([hex, times]) => hex.repeat(times)).join(''), 'hex')
}

function told({ topic, message }, ledger) {
  try {
    return answers(topic, bytes(message), { gates, sector, ledger, now: floor })
  } catch (error) {
    if (error instanceof Refused) return error.message
    throw error
  }
}

function held(ledger, { gate, epoch }) {
  const { upto, rows, main } = ledger.chain(gate, epoch)
  const all = [...rows.values()].filter(row => row.seq).sort((a, b) => a.seq - b.seq)
  const seqs = holds => all.filter(holds).map(row => row.seq)
  const [counted, aside] = [seqs(row => row.main && !row.code), seqs(row => row.main && row.code)]
  const missing = []
  for (let seq = 1; seq <= upto; seq++) {
    if (main.has(seq)) continue
    if (missing.at(-1)?.[1] === seq - 1) missing.at(-1)[1] = seq
    else missing.push([seq, seq])
  }
  return { gate, epoch, counted, aside, missing, forked: seqs(row => !row.main) }
}

function talk({ steps, after }, next) {
  let ledger
  for (const { expect, ...step } of steps) {
    ledger = next(ledger)
    const got = told(step, ledger)
    const right = expect.refused ? [formOnly(expect.refused)] : [expect.acks, ...expect.or ?? []]
    assert.ok(right.some(one => canonical(one) === canonical(got)), `got ${canonical(got)}, not ${canonical(right)}`)
  }
  ledger = next(ledger)
  for (const one of after) assert.deepEqual(held(ledger, one), { aside: [], missing: [], forked: [], ...one })
}

for (const { gate, epoch, json, digest } of genesis) {
  check(`genesis of ${gate} ${epoch}`, () => {
    assert.equal(canonical({ gate, epoch, v: 1 }), json)
    assert.equal(createHash('sha256').update(json).digest('hex'), digest)
  })
}
for (const [number, one] of conversations.entries()) {
  const file = path.join(folder, `${number}.jsonl`)
  check(one.name, () => talk(one, ledger => ledger ?? new Ledger()))
  check(`${one.name}, started anew after each message`, () => talk(one, () => new Ledger(file)))
}
check('what is sealed here opens', () => {
  const der = Buffer.from(`302e020100300506032b657004220420${central[0].private_for_tests_only}`, 'hex')
  const token = seal(createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }), '{}')
  assert.equal(open(token, 'ack', central, sector, floor).text, '{}')
})
fs.rmSync(folder, { recursive: true })
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed ? 1 : 0
