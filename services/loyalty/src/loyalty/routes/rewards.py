"""The catalog of rewards and its code pools."""

from fastapi import APIRouter, Response

from comeback_kit.errors import FieldError, Unprocessable
from comeback_kit.http import Caller, Id, Now, TransactionRoute, Tx, requires
from comeback_kit.paging import Cursor, Limit, Page
from loyalty import audit, codes, rewards
from loyalty.errors import NoCodePool
from loyalty.ids import RANDOM
from loyalty.program_store import load_one
from loyalty.reward_checks import completed
from loyalty.schemas.rewards import CodesAnswer, CodesBody, RewardAnswer, RewardBody, RewardChange
from loyalty.state import Cache

router = APIRouter(prefix="/v1/loyalty/rewards", tags=["Rewards"], route_class=TransactionRoute)
READ = requires("loyalty:read")
WRITE = requires("loyalty:write")


@router.get("", dependencies=[READ], summary="The catalog, newest first")
async def catalog(tx: Tx, caller: Caller, limit: Limit = 20, cursor: Cursor = None) -> Page[RewardAnswer]:
    """Rewards that were not deleted."""
    found, after = await rewards.page(tx, caller.shop_id, limit, cursor)
    return Page(items=[one.answer() for one in found], next_cursor=after)


@router.post("", dependencies=[WRITE], status_code=201, summary="Add a reward")
async def create(body: RewardBody, tx: Tx, caller: Caller, now: Now, cache: Cache) -> RewardAnswer:
    """`reward_id` is made where none is given."""
    body = completed(body, (await load_one(tx, cache, caller.shop_id)).currency)
    found = await rewards.create(tx, caller.shop_id, body, ids=RANDOM, actor=caller.subject, now=now)
    return found.answer()


@router.get("/{reward_id}", dependencies=[READ], summary="A reward")
async def get(reward_id: Id, tx: Tx, caller: Caller) -> RewardAnswer:
    """One reward."""
    return (await rewards.get(tx, caller.shop_id, reward_id)).answer()


@router.put("/{reward_id}", dependencies=[WRITE], summary="Change a reward")
async def replace(reward_id: Id, body: RewardChange, tx: Tx, caller: Caller, now: Now, cache: Cache) -> RewardAnswer:
    """The whole reward; a field left out has its default. `stock` is what is left from now on."""
    if body.reward_id is not None and body.reward_id != reward_id:
        raise Unprocessable(errors=[FieldError("/reward_id", "must be the id of the path, or left out")])
    changed = completed(body, (await load_one(tx, cache, caller.shop_id)).currency)
    found = await rewards.replace(tx, caller.shop_id, reward_id, changed, actor=caller.subject, now=now)
    return found.answer()


@router.delete("/{reward_id}", dependencies=[WRITE], status_code=204, summary="Take a reward out of the catalog")
async def delete(reward_id: Id, tx: Tx, caller: Caller, now: Now) -> Response:
    """Codes that were given out stay good."""
    await rewards.delete(tx, caller.shop_id, reward_id, actor=caller.subject, now=now)
    return Response(status_code=204)


@router.post("/{reward_id}/codes", dependencies=[WRITE], status_code=201, summary="Fill a reward's code pool")
async def add_codes(reward_id: Id, body: CodesBody, tx: Tx, caller: Caller, now: Now) -> CodesAnswer:
    """Import codes, or have them made. A code is in use once in a shop. The reward's `code_pool` must be true."""
    reward = await rewards.get(tx, caller.shop_id, reward_id, lock=True)
    if not body.codes and body.generate is None:
        raise Unprocessable(errors=[FieldError("/codes", "give codes, or generate")])
    if not reward.body.code_pool:
        raise NoCodePool("its codes are made one by one and these would never be given out; set code_pool to true")
    made: tuple[str, ...] = ()
    if body.codes:
        await codes.add(tx, caller.shop_id, reward_id, body.codes)
    if body.generate is not None:
        prefix = reward.body.code_prefix
        made = tuple(await codes.generate(tx, caller.shop_id, reward_id, prefix, body.generate, RANDOM))
    free = await codes.free(tx, caller.shop_id, reward_id)
    # How many, not which: who finds a code in the trail could spend it.
    detail = {"imported": len(set(body.codes)), "generated": len(made)}
    await audit.record(tx, caller.shop_id, caller.subject, "codes.added", reward_id, detail, now)
    return CodesAnswer(added=detail["imported"] + detail["generated"], free=free, codes=made)


@router.get("/{reward_id}/codes", dependencies=[READ], summary="How full a reward's code pool is")
async def code_count(reward_id: Id, tx: Tx, caller: Caller) -> CodesAnswer:
    """`free` codes are left."""
    await rewards.get(tx, caller.shop_id, reward_id)
    return CodesAnswer(added=0, free=await codes.free(tx, caller.shop_id, reward_id))
