import { existsSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { check, VlltrError } from '../../errors.js';
import { isFolder } from '../../files/folder.js';
import { shown } from '../../files/shown.js';
import type { Activation } from '../config.js';
import type { Dialect } from './names.js';

/** What tensors do not tell of a model: one tower's activation and heads. */
export interface TowerFacts {
  activation?: Activation;
  heads?: number;
}

/** What a configuration beside a checkpoint tells of it. */
export interface BesideConfig {
  path: string;
  visual: TowerFacts;
  text: TowerFacts;
}

const MAX_CONFIG = 1 << 20;

type Json = Record<string, unknown>;

/**
 * The configuration in a checkpoint's folder: Hugging Face's `config.json`, OpenCLIP's `open_clip_config.json`.
 * @param path the model file or its folder
 * @throws VlltrError ERR_CHECKPOINT where it asks for what this package does not compute
 */
export async function configBeside(path: string, dialect: Dialect): Promise<BesideConfig | undefined> {
  const folder = isFolder(path) ? path : dirname(path);
  const file = join(folder, dialect === 'openai' ? 'open_clip_config.json' : 'config.json');
  if (!existsSync(file)) return undefined;
  const json = await readObject(file);
  return dialect === 'openai' ? openClip(file, json) : huggingFace(file, json);
}

async function readObject(path: string): Promise<Json> {
  check(statSync(path).size <= MAX_CONFIG, 'ERR_CHECKPOINT', () => `${path} is no configuration: it is too long`);
  let json: unknown;
  try {
    json = JSON.parse(await readFile(path, 'utf8'));
  } catch (cause) {
    throw new VlltrError('ERR_CHECKPOINT', `${path} is no JSON: ${(cause as Error).message}`, { cause });
  }
  check(isObject(json), 'ERR_CHECKPOINT', () => `${path} is no configuration: expected an object`);
  return json;
}

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const section = (json: Json, ...names: string[]): Json => {
  const found = names.map((name) => json[name]).find(isObject);
  return found ?? {};
};

/** Refuses settings that another function would follow from. */
function expectSetting(path: string, where: string, json: Json, name: string, expected: unknown): void {
  const value = json[name];
  check(value === undefined || value === null || value === expected, 'ERR_CHECKPOINT', () => {
    return `${path}: ${where}.${name} is ${shown(value)}; expected ${shown(expected)}`;
  });
}

function heads(path: string, where: string, value: unknown): number {
  check(Number.isSafeInteger(value) && (value as number) > 0, 'ERR_CHECKPOINT', () => {
    return `${path}: ${where} is ${shown(value)}; expected a positive integer`;
  });
  return value as number;
}

/** Left-out settings have the values of Hugging Face's CLIPTextConfig and CLIPVisionConfig. */
function huggingFace(path: string, json: Json): BesideConfig {
  const tower = (where: string, config: Json, defaultHeads: number): TowerFacts => {
    const { hidden_act: activation = 'quick_gelu', num_attention_heads: count = defaultHeads } = config;
    check(activation === 'quick_gelu' || activation === 'gelu', 'ERR_CHECKPOINT', () => {
      return `${path}: ${where}.hidden_act is ${shown(activation)}; expected "quick_gelu" or "gelu"`;
    });
    expectSetting(path, where, config, 'layer_norm_eps', 1e-5);
    return { activation, heads: heads(path, `${where}.num_attention_heads`, count) };
  };
  return {
    path,
    visual: tower('vision_config', section(json, 'vision_config', 'vision_config_dict'), 12),
    text: tower('text_config', section(json, 'text_config', 'text_config_dict'), 8),
  };
}

function openClip(path: string, json: Json): BesideConfig {
  const model = section(json, 'model_cfg');
  const vision = section(model, 'vision_cfg');
  const text = section(model, 'text_cfg');
  for (const [name, expected] of [
    ['pool_type', 'tok'],
    ['attentional_pool', false],
    ['no_ln_pre', false],
    ['final_ln_after_pool', false],
    ['output_tokens', false],
  ] as const)
    expectSetting(path, 'vision_cfg', vision, name, expected);
  expectSetting(path, 'vision_cfg', vision, 'global_average_pool', false);
  expectSetting(path, 'text_cfg', text, 'pool_type', 'argmax');
  expectSetting(path, 'text_cfg', text, 'no_causal_mask', false);
  const activation: Activation = model.quick_gelu === true ? 'quick_gelu' : 'gelu';
  const { width, head_width: headWidth = 64 } = vision;
  return {
    path,
    visual: {
      activation,
      ...(typeof width === 'number' && { heads: heads(path, 'vision_cfg.head_width', width / (headWidth as number)) }),
    },
    text: { activation, ...(text.heads !== undefined && { heads: heads(path, 'text_cfg.heads', text.heads) }) },
  };
}
