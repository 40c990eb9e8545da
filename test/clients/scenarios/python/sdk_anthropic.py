"""The Python SDK of Anthropic, through Messages; the asynchronous client too."""
import asyncio
import json

import anthropic

from shared import CODER, LOOKUP, PLANNER, WRITE, Tools, play_desk, raised, result

STREAM = {"max_tokens": 500, "messages": [{"role": "user", "content": "Stream."}], "tools": [{"name": "lookup", "input_schema": LOOKUP}]}


def words(content):
    return "".join(block.text for block in content if block.type == "text")


def told(message):
    """What is compared of a streamed message."""
    return json.dumps([words(message.content), [block.input for block in message.content if block.type == "tool_use"], message.stop_reason, message.usage.output_tokens > 0])


def messages_loop(client, model, system, question, schemas, run):
    conversation = [{"role": "user", "content": question}]
    tools = [{"name": name, "input_schema": schema} for name, schema in schemas.items()]
    while True:
        message = client.messages.create(model=model, max_tokens=500, system=system, messages=conversation, tools=tools)
        if message.stop_reason != "tool_use":
            return words(message.content)
        results = [{"type": "tool_result", "tool_use_id": block.id, "content": run(block.name, block.input)} for block in message.content if block.type == "tool_use"]
        conversation += [{"role": "assistant", "content": message.content}, {"role": "user", "content": results}]


def messages_desk(context):
    client = anthropic.Anthropic(base_url=context["origin"], api_key="sk-test")
    return play_desk(context, lambda agent, question, schemas, run: messages_loop(client, context["model"], agent["instructions"], question, schemas, run))


def messages(context):
    client = anthropic.Anthropic(base_url=context["origin"], api_key="sk-test")
    model = context["model"]
    tools = Tools()

    plan = messages_loop(client, model, PLANNER, "Plan the journey.", {"lookup": LOOKUP}, tools.run)
    code = messages_loop(client, model, CODER, plan, {"write_file": WRITE}, tools.run)
    with client.messages.stream(model=model, **STREAM) as stream:
        pieces = "".join(stream.text_stream)
        streamed = pieces + told(stream.get_final_message())
    left = False
    with client.messages.create(model=model, max_tokens=4000, messages=[{"role": "user", "content": context["endless"]}], stream=True) as stream:
        for event in stream:
            if event.type == "content_block_delta":
                left = True
                break
    retried = words(client.messages.create(model=context["busyModel"], max_tokens=500, messages=[{"role": "user", "content": "Again."}]).content)
    error = raised(lambda: client.messages.create(model=context["noSuchModel"], max_tokens=5, messages=[{"role": "user", "content": "x"}]))
    return result(tools, [plan, code], streamed, left, retried, error)


async def at_once(context):
    """Both agents at the same time, each with its own connection; one of two streams is cancelled with its task."""
    tools = Tools()
    async with anthropic.AsyncAnthropic(base_url=context["origin"], api_key="sk-test") as client:
        async def agent(system, question, name, schema):
            conversation = [{"role": "user", "content": question}]
            while True:
                async with client.messages.stream(model=context["model"], max_tokens=500, system=system, messages=conversation, tools=[{"name": name, "input_schema": schema}]) as stream:
                    message = await stream.get_final_message()
                if message.stop_reason != "tool_use":
                    return words(message.content)
                results = [
                    {"type": "tool_result", "tool_use_id": block.id, "content": tools.run(block.name, block.input)}
                    for block in message.content if block.type == "tool_use"
                ]
                conversation += [{"role": "assistant", "content": message.content}, {"role": "user", "content": results}]

        plan, code = await asyncio.gather(agent(PLANNER, "Plan the journey.", "lookup", LOOKUP), agent(CODER, "Write.", "write_file", WRITE))
        tools.calls.sort(key=lambda call: call["name"])

        begun = asyncio.Event()

        async def listen():
            async with client.messages.stream(model=context["model"], max_tokens=4000, messages=[{"role": "user", "content": context["endless"]}]) as stream:
                async for _ in stream.text_stream:
                    begun.set()

        listener = asyncio.create_task(listen())
        await begun.wait()
        listener.cancel()
        left = False
        try:
            await listener
        except asyncio.CancelledError:
            left = True
        async with client.messages.stream(model=context["model"], **STREAM) as stream:
            streamed = told(await stream.get_final_message())
        retried = words((await client.messages.create(model=context["busyModel"], max_tokens=500, messages=[{"role": "user", "content": "Again."}])).content)
        try:
            await client.messages.create(model=context["noSuchModel"], max_tokens=5, messages=[{"role": "user", "content": "x"}])
            raise RuntimeError("no error was raised")
        except anthropic.APIStatusError as failure:
            error = {"status": failure.status_code, "message": type(failure).__name__ + (" " + failure.request_id if failure.request_id else "")}
    return result(tools, [plan, code], streamed, left, retried, error)


SCENARIOS = {"messages": messages, "messages, desk": messages_desk, "messages, asynchronous": lambda context: asyncio.run(at_once(context))}
