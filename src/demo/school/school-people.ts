import type { Random } from './random.ts';

const givenNames = ['Wei', 'Min', 'Jing', 'Hao', 'Lan', 'Anna', 'Omar', 'Inés', 'Zoë'] as const;
const familyNames = [
  'Li',
  'Wang',
  'Zhang',
  'Chen',
  '陈',
  'Sato',
  'García',
  'Müller',
  "O'Neil",
] as const;
const cities = ['Beijing', 'Shanghai', 'Chengdu', '西安', 'Harbin', 'Shenzhen'] as const;

/** Names with quotes, accents and Chinese characters: data as it is. */
export function personName(random: Random): string {
  return `${random.pick(givenNames)} ${random.pick(familyNames)}`;
}

/** The rest of a student row that has no meaning for the school: city and profile. */
export function studentDetails(random: Random): { city: string | null; profile: string | null } {
  const likes = random.pick(['chess', 'music', 'football', '"quotes"', 'robots']);
  return {
    city: random.chance(0.1) ? null : random.pick(cities),
    profile: random.chance(0.2) ? null : JSON.stringify({ likes, age: random.between(6, 18) }),
  };
}
